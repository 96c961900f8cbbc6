#include "bosen/base/spec_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/configuration_error.h"

namespace bosen {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

SpecNode parsed(const std::string& text) { return SpecNode::parse(text, "a.yaml"); }

TEST(SpecNodeTest, KnowsWhereAValueStands) {
  const SpecNode root = parsed("name: x\nlayer:\n  - {type: ReLU}\n");
  EXPECT_EQ(root.find("name")->place(), "a.yaml:1:7");
  EXPECT_EQ(root.find("layer")->items()[0].find("type")->place(), "a.yaml:3:12");
}

TEST(SpecNodeTest, KeepsTheOrderOfAMap) {
  std::vector<std::string> keys;
  const SpecNode map = parsed("{b: 1, a: 2, c: 3}");
  for (const auto& [key, value] : map.fields()) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("b", "a", "c"));
}

TEST(SpecNodeTest, AChangedMapKeepsThePlacesOfWhatWasWritten) {
  const SpecNode root = parsed("a: 1\nb: 2\nnew: 3\n");
  const SpecNode changed = root.with("a", *root.find("new")).with("c", SpecNode().with("d", *root.find("b")));
  EXPECT_EQ(root.find("a")->text(), "1");
  EXPECT_EQ(changed.find("a")->place(), "a.yaml:3:6");
  EXPECT_EQ(changed.find("b")->place(), "a.yaml:2:4");
  EXPECT_EQ(changed.find("c")->place(), "a.yaml:2:4");
  EXPECT_EQ(changed.find("c")->find("d")->text(), "2");
}

TEST(SpecNodeTest, TakesOneValueForAListOfItself) {
  EXPECT_EQ(parsed("data").items().size(), 1U);
  EXPECT_EQ(parsed("data").items()[0].text(), "data");
  EXPECT_EQ(parsed("[a, b]").items().size(), 2U);
  EXPECT_TRUE(parsed("").items().empty());
}

TEST(SpecNodeTest, SaysWhereYamlIsMalformed) {
  EXPECT_THAT(configuration_error([] { parsed("layer: [a, b\nname: x\n"); }), StartsWith("a.yaml:"));
  EXPECT_THAT(configuration_error([] { parsed("a: 1\n\tb: 2\n"); }), StartsWith("a.yaml:2:"));
}

TEST(SpecNodeTest, RefusesAKeyGivenTwice) {
  const SpecNode root = parsed("top: a\nbottom: b\ntop: c\n");
  const std::string message = "a.yaml:3:1: key 'top' is given twice: keep one";
  EXPECT_EQ(configuration_error([&] { static_cast<void>(root.fields()); }), message);
  EXPECT_EQ(configuration_error([&] { static_cast<void>(root.find("top")); }), message);
  EXPECT_EQ(configuration_error([&] { static_cast<void>(root.with("new", root)); }), message);
  EXPECT_EQ(root.find("bottom")->text(), "b");
}

TEST(SpecNodeTest, RefusesAQuoteThatIsNotClosed) {
  const std::string open = "the quote that begins here is not closed in its line: close it";
  EXPECT_EQ(configuration_error([] { parsed("name: \"x\nlayer: []\n"); }), "a.yaml:1:7: " + open);
  EXPECT_EQ(configuration_error([] { parsed("layer:\n  - {name: 'x, type: y}\n"); }), "a.yaml:2:12: " + open);
  EXPECT_EQ(configuration_error([] { parsed("'a\n b': 1\n"); }), "a.yaml:1:1: " + open);
  EXPECT_EQ(parsed("a: \"x # y\" # \"z\n").find("a")->text(), "x # y");
}

TEST(SpecNodeTest, RefusesAFileThatIsNotThere) {
  EXPECT_THAT(configuration_error([] { SpecNode::read_file("/nowhere/net.yaml"); }), HasSubstr("/nowhere/net.yaml"));
  EXPECT_THAT(configuration_error([] { SpecNode::read_file("/tmp"); }), HasSubstr("/tmp"));
}

TEST(SpecNodeTest, RefusesToBeNestedWithoutEnd) {
  EXPECT_THAT(configuration_error([] { parsed(std::string(200, '[') + std::string(200, ']')); }),
              StartsWith("a.yaml:"));
}

TEST(SpecNodeTest, RefusesAliasesThatUnfoldWithoutEnd) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    const std::string name = "a" + std::to_string(i);
    text += name + ": &" + name + " [" + below;
    for (int k = 1; k < 10; ++k) text += ", " + below;
    text += "]\n";
  }
  EXPECT_THAT(configuration_error([&] { parsed(text); }), StartsWith("a.yaml:"));
}

class FieldsTest : public ::testing::Test {
 protected:
  /// Reads one key of "{KEY: VALUE}" and says what is wrong with it.
  template <class Read>
  std::string error_of(const std::string& text, const Read& read) {
    return configuration_error([&] {
      SpecFields fields(parsed(text), "pooling_param");
      read(fields);
    });
  }
};

TEST_F(FieldsTest, ReadsValuesByType) {
  SpecFields fields(parsed("{a: -3, b: 2.5e-1, c: TRUE, d: some words, e: ave}"), "pooling_param");
  EXPECT_EQ(fields.integer("a", std::nullopt), -3);
  EXPECT_EQ(fields.number("b", std::nullopt), 0.25);
  EXPECT_TRUE(fields.boolean("c", std::nullopt));
  EXPECT_EQ(fields.text("d", std::nullopt), "some words");
  EXPECT_EQ(fields.choice("e", {"MAX", "AVE"}, std::nullopt), 1U);
  fields.finish();
}

TEST_F(FieldsTest, FallsBackWhereAKeyIsAbsentOrEmpty) {
  SpecFields fields(parsed("{a: }"), "pooling_param");
  EXPECT_EQ(fields.integer("a", 4), 4);
  EXPECT_EQ(fields.number("b", 0.5), 0.5);
  EXPECT_FALSE(fields.boolean("c", false));
  EXPECT_EQ(fields.text("d", "x"), "x");
  EXPECT_EQ(fields.choice("e", {"MAX", "AVE"}, 1), 1U);
  EXPECT_TRUE(fields.integers("f").empty());
}

TEST_F(FieldsTest, ReadsRepeatedFieldsFromAListOrOneValue) {
  SpecFields fields(parsed("{a: [1, 2], b: 3, c: [x], d: 0.5}"), "pooling_param");
  EXPECT_THAT(fields.integers("a"), ElementsAre(1, 2));
  EXPECT_THAT(fields.integers("b"), ElementsAre(3));
  EXPECT_THAT(fields.texts("c"), ElementsAre("x"));
  EXPECT_THAT(fields.numbers("d"), ElementsAre(0.5));
}

TEST_F(FieldsTest, SaysHowToMendAKeyGivenTwiceByWhatItTakes) {
  const std::string text = "{top: a, top: b}";
  const std::string again = "a.yaml:1:10: key 'top' is given twice: ";
  EXPECT_EQ(error_of(text, [](SpecFields& fields) { fields.text("top", ""); }), again + "keep one");
  EXPECT_EQ(error_of(text, [](SpecFields& fields) { fields.child("top"); }), again + "keep one");
  EXPECT_EQ(error_of(text, [](SpecFields& fields) { fields.finish(); }), again + "keep one");
  const std::string list = again + "write a repeated field as a list";
  EXPECT_EQ(error_of(text, [](SpecFields& fields) { fields.texts("top"); }), list);
  EXPECT_EQ(error_of(text, [](SpecFields& fields) { fields.integers("top"); }), list);
  EXPECT_EQ(error_of(text, [](SpecFields& fields) { fields.children("top"); }), list);
  EXPECT_EQ(error_of(text, [](SpecFields& fields) { EXPECT_TRUE(fields.has("top")); }), "no error");
}

TEST_F(FieldsTest, TakesALikeKeyForTheMissingOne) {
  const std::string error = error_of("{pool: MAX, kernel_sizes: 3}", [](SpecFields& fields) {
    static_cast<void>(fields.text("pool", std::nullopt));
    static_cast<void>(fields.integer("kernel_size", std::nullopt));
  });
  EXPECT_EQ(error, "a.yaml:1:13: unknown key 'pooling_param.kernel_sizes'; did you mean 'kernel_size'?");
}

TEST_F(FieldsTest, SaysWhichRequiredKeyIsMissing) {
  EXPECT_THAT(error_of("{a: 1}", [](SpecFields& fields) { fields.integer("kernel_size", std::nullopt); }),
              AllOf(StartsWith("a.yaml:1:1: "), HasSubstr("pooling_param"), HasSubstr("kernel_size")));
}

TEST_F(FieldsTest, SaysWhatAValueMustBe) {
  const auto integer = [](SpecFields& fields) { fields.integer("stride", std::nullopt, {1, 8}); };
  for (const char* value : {"two", "1.5", "[1]", "{}", "''", "99999999999999999999"}) {
    EXPECT_THAT(error_of(std::string("{stride: ") + value + "}", integer),
                AllOf(StartsWith("a.yaml:1:10: "), HasSubstr("pooling_param.stride")))
        << value;
  }
  EXPECT_THAT(error_of("{stride: 0}", integer), AllOf(StartsWith("a.yaml:1:10: "), HasSubstr("from 1 to 8")));
  EXPECT_THAT(error_of("{stride: 9}", integer), HasSubstr("from 1 to 8"));
  const auto number = [](SpecFields& fields) { fields.number("stride", std::nullopt, {.minimum = 0}); };
  for (const char* value : {".nan", "nan", "inf", "-1", "1e999", "0x10", "1 2"}) {
    EXPECT_THAT(error_of(std::string("{stride: ") + value + "}", number), StartsWith("a.yaml:1:10: ")) << value;
  }
  EXPECT_THAT(error_of("{stride: perhaps}", [](SpecFields& fields) { fields.boolean("stride", true); }),
              AllOf(HasSubstr("true or false"), HasSubstr("perhaps")));
}

TEST_F(FieldsTest, SaysWhatThereIsToChooseFrom) {
  EXPECT_THAT(error_of("{pool: MEAN}",
                       [](SpecFields& fields) {
                         fields.choice("pool", {"MAX", "AVE"}, 0);
                       }),
              AllOf(StartsWith("a.yaml:1:8: "), HasSubstr("MAX or AVE"), HasSubstr("MEAN")));
}

TEST_F(FieldsTest, NamesTheNearestKeyForOneItDoesNotKnow) {
  EXPECT_THAT(error_of("{kernel_size: 3,\n  strid: 2}",
                       [](SpecFields& fields) {
                         fields.integer("kernel_size", std::nullopt);
                         fields.integer("stride", 1);
                         fields.finish();
                       }),
              AllOf(StartsWith("a.yaml:2:"), HasSubstr("'pooling_param.strid'"), HasSubstr("did you mean 'stride'?")));
}

TEST_F(FieldsTest, RefusesWhatIsNoMap) {
  EXPECT_THAT(configuration_error([] { SpecFields(parsed("[1, 2]"), "pooling_param"); }),
              AllOf(StartsWith("a.yaml:1:1: "), HasSubstr("pooling_param")));
}

TEST_F(FieldsTest, SaysWhereAMapIsMissingThatHasARequiredKey) {
  EXPECT_THAT(configuration_error([] {
                SpecFields layer(parsed("name: x\ntype: Pooling\n"), "layer");
                SpecFields own(layer.child("pooling_param"), "pooling_param");
                own.integer("kernel_size", std::nullopt);
              }),
              AllOf(StartsWith("a.yaml:"), HasSubstr("pooling_param.kernel_size")));
}

}  // namespace
}  // namespace bosen
