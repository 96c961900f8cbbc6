#include "bosen/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "bosen/base/error.h"

namespace bosen {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A program with an option of each kind.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    reader_.add("Own", {"rate", &rate_, "step", {.minimum = 0.001, .maximum = 10}});
    reader_.add("Own", {"data", &data_, "input", {.value_name = "FILE", .required = true}});
    reader_.add("Own", {"workers", &workers_, "threads", {.minimum = 1, .maximum = 250}});
    reader_.add("Own", {"big", &big_, "large", {.minimum = 1, .maximum = 1e9}});
    reader_.add("Own", {"clocks", &clocks_, "how many", {.minimum = 0}});
    reader_.add("Own", {"seed", &seed_, "of the dice"});
    reader_.add("Own", {"json", &json_, "print JSON"});
    reader_.add("Own", {"model", &model_, "kind", {.choices = {"bsp", "ssp"}}});
    reader_.add("Own", {"slow", [this](const std::string& text) { slow_from(text); }, "slow one", {.list = true}});
  }

  ~ConfigTest() override { std::remove(path_.c_str()); }

  void slow_from(const std::string& text) {
    if (text == "never") throw Error(ErrorKind::kUsage, "must be a number");
    slow_ = text;
  }

  OptionReader::Request read(const std::vector<std::string>& flags) {
    std::vector<const char*> argv{"program"};
    for (const std::string& flag : flags) argv.push_back(flag.c_str());
    return reader_.read(static_cast<int>(argv.size()), argv.data());
  }

  void read_file(const std::string& yaml, std::vector<std::string> flags = {}) {
    std::ofstream(path_) << yaml;
    flags.insert(flags.end(), {"--config", path_});
    read(flags);
  }

  static std::string error_of(const std::function<void()>& action, ErrorKind kind) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    return "no error";
  }

  std::string flag_error(const std::vector<std::string>& flags) {
    return error_of([&] { read(flags); }, ErrorKind::kUsage);
  }

  /// The error for a file, without the file's name.
  std::string file_error(const std::string& yaml) {
    const std::string message = error_of([&] { read_file(yaml); }, ErrorKind::kConfiguration);
    EXPECT_THAT(message, StartsWith(path_ + ":"));
    return message.substr(std::min(message.size(), path_.size() + 1));
  }

  std::string path_ =
      testing::TempDir() + "config_test_" + testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml";
  double rate_ = 0.5;
  std::string data_;
  int workers_ = 1;
  int big_ = 1;
  std::int64_t clocks_ = 0;
  std::uint64_t seed_ = 1;
  bool json_ = false;
  std::string model_ = "ssp";
  std::string slow_;
  OptionReader reader_{"program", "Does things"};
};

TEST_F(ConfigTest, LeavesDefaultsWhereNothingIsGiven) {
  EXPECT_EQ(read({"--data", "x"}), OptionReader::Request::kRun);
  EXPECT_EQ(rate_, 0.5);
  EXPECT_EQ(workers_, 1);
  EXPECT_EQ(model_, "ssp");
  EXPECT_FALSE(json_);
  EXPECT_TRUE(reader_.given("data"));
  EXPECT_FALSE(reader_.given("workers"));
}

TEST_F(ConfigTest, ReadsEveryKindOfFlag) {
  read({"--data=x", "--workers", "3", "--rate=1e-2", "--clocks", "5000000000", "--seed", "18446744073709551615",
        "--json", "--model", "bsp"});
  EXPECT_EQ(data_, "x");
  EXPECT_EQ(workers_, 3);
  EXPECT_EQ(rate_, 0.01);
  EXPECT_EQ(clocks_, 5'000'000'000);
  EXPECT_EQ(seed_, 18446744073709551615U);
  EXPECT_TRUE(json_);
  EXPECT_EQ(model_, "bsp");
}

TEST_F(ConfigTest, ReadsEveryFlagAsAKeyInAnyOrder) {
  read_file("model: bsp\nseed: 7\nslow: [0:2, 1:3]\njson: true\n# a comment\ndata: x\nrate: 2\n");
  EXPECT_EQ(model_, "bsp");
  EXPECT_EQ(seed_, 7U);
  EXPECT_EQ(slow_, "0:2,1:3");
  EXPECT_TRUE(json_);
  EXPECT_EQ(data_, "x");
  EXPECT_EQ(rate_, 2);
}

TEST_F(ConfigTest, PrefersTheCommandLineToTheFile) {
  read_file("workers: 3\ndata: from-file\njson: true\n", {"--workers", "5", "--json=false"});
  EXPECT_EQ(workers_, 5);
  EXPECT_FALSE(json_);
  EXPECT_EQ(data_, "from-file");
}

TEST_F(ConfigTest, AcceptsAnEmptyFile) {
  read_file("", {"--data", "x"});
  EXPECT_EQ(workers_, 1);
}

TEST_F(ConfigTest, JoinsRepeatedFlagsOfAList) {
  read({"--data", "x", "--slow", "0:2", "--slow", "1:3,2:4"});
  EXPECT_EQ(slow_, "0:2,1:3,2:4");
}

TEST_F(ConfigTest, KeepsTheTextsOfARepeatedFlagApartWhereTheyMayHaveCommas) {
  std::vector<std::string> variables;
  reader_.add("Own", {"export", &variables, "set it", {.list = true, .short_name = 'x'}});
  read({"--data", "x", "-x", "A=1,2", "--export", "B=3"});
  EXPECT_THAT(variables, testing::ElementsAre("A=1,2", "B=3"));
  read_file("data: x\nexport: ['A=1,2', C]\n");
  EXPECT_THAT(variables, testing::ElementsAre("A=1,2", "C"));
}

TEST_F(ConfigTest, TakesTheRestFromTheFirstWordThatIsNoFlagOrBehindTwoDashes) {
  std::vector<std::string> rest;
  reader_.take_rest(rest);
  read({"--data", "x", "./mlr", "--workers", "3", "--unknown"});
  EXPECT_THAT(rest, testing::ElementsAre("./mlr", "--workers", "3", "--unknown"));
  EXPECT_EQ(workers_, 1);
  read({"--workers", "2", "--data", "x", "--", "--help"});
  EXPECT_THAT(rest, testing::ElementsAre("--help"));
  EXPECT_EQ(workers_, 2);
  read({"--data=x", "env", "--", "--empty="});  // a word of the rest is none of ours
  EXPECT_THAT(rest, testing::ElementsAre("env", "--", "--empty="));
  EXPECT_THAT(flag_error({"--data", "x", "--wrokers", "3", "./mlr"}), StartsWith("unknown flag '--wrokers'"));
  EXPECT_EQ(flag_error({"--data", "x", "--staleness", "3"}),
            "unknown flag '--staleness'; flags of the program go after '--'; --help lists all others");
}

TEST_F(ConfigTest, AnswersRequestsForHelpAndVersionBeforeAnythingElse) {
  EXPECT_EQ(read({"--help"}), OptionReader::Request::kHelp);
  EXPECT_EQ(read({"-h"}), OptionReader::Request::kHelp);
  EXPECT_EQ(read({"--version"}), OptionReader::Request::kVersion);
}

TEST_F(ConfigTest, NamesEveryFlagInTheHelpWithItsDefault) {
  const std::string help = reader_.help();
  for (const char* text : {"--rate X=0.5", "--data FILE", "(required)", "--workers N=1", "--model {bsp,ssp}=ssp",
                           "--json", "--config FILE.yaml", "--help"}) {
    EXPECT_THAT(help, HasSubstr(text));
  }
}

TEST_F(ConfigTest, SaysInTheHelpHowWordsStandAndHidesWhatIsNoUsersBusiness) {
  std::string file;
  bool agent = false;
  reader_.add("Own", {"file", &file, "first", {.value_name = "FILE.yaml", .required = true, .positional = true}});
  reader_.add("Own", {"agent", &agent, "for ourselves", {.hidden = true}});
  reader_.set_footer("Example: program x.yaml");
  EXPECT_THAT(reader_.help(), HasSubstr("Usage: program FILE.yaml [FLAGS]\n"));
  EXPECT_THAT(reader_.help(), HasSubstr("\nExample: program x.yaml\n"));
  EXPECT_THAT(reader_.help(), testing::Not(HasSubstr("agent")));
  reader_.set_usage("program [FLAGS] -- COMMAND");
  EXPECT_THAT(reader_.help(), HasSubstr("Usage: program [FLAGS] -- COMMAND\n"));
}

TEST_F(ConfigTest, RefusesUnknownFlagsWithASuggestion) {
  EXPECT_EQ(flag_error({"--data", "x", "--wrokers", "3"}), "unknown flag '--wrokers'; did you mean '--workers'?");
  EXPECT_EQ(flag_error({"--data", "x", "--work=3"}), "unknown flag '--work'; did you mean '--workers'?");
  EXPECT_EQ(flag_error({"--frobnicate"}), "unknown flag '--frobnicate'; --help lists all flags");
  EXPECT_THAT(flag_error({"--data", "x", "stray"}), StartsWith("unexpected argument 'stray'"));
}

TEST_F(ConfigTest, RefusesAFlagWithoutValue) {
  EXPECT_EQ(flag_error({"--data"}), "--data needs a value");
  EXPECT_EQ(flag_error({"--data", "--json"}), "--data needs a value");
  EXPECT_EQ(flag_error({"--data=", "--json"}), "--data needs a value");
}

TEST_F(ConfigTest, RefusesAFlagGivenTwice) {
  EXPECT_EQ(flag_error({"--data", "x", "--data", "y"}), "--data is given 2 times: give it once");
}

TEST_F(ConfigTest, RefusesAMissingRequiredFlag) { EXPECT_EQ(flag_error({}), "--data FILE is required (input)"); }

TEST_F(ConfigTest, RefusesValuesOfTheWrongTypeOrRange) {
  EXPECT_EQ(flag_error({"--data", "x", "--workers", "many"}), "--workers: 'many' is not a whole number");
  EXPECT_EQ(flag_error({"--data", "x", "--workers", "2.5"}), "--workers: '2.5' is not a whole number");
  EXPECT_EQ(flag_error({"--data", "x", "--workers", "0"}), "--workers: must be from 1 to 250, not 0");
  EXPECT_EQ(flag_error({"--data", "x", "--big", "0"}), "--big: must be from 1 to 1000000000, not 0");
  EXPECT_EQ(flag_error({"--data", "x", "--workers", "99999999999"}), "--workers: 99999999999 is too large a number");
  EXPECT_EQ(flag_error({"--data", "x", "--clocks", "-1"}), "--clocks: must be at least 0, not -1");
  EXPECT_EQ(flag_error({"--data", "x", "--rate", "nan"}), "--rate: 'nan' is not a number");
  EXPECT_EQ(flag_error({"--data", "x", "--seed", "-3"}), "--seed: must be at least 0, not -3");
  EXPECT_EQ(flag_error({"--data", "x", "--json=maybe"}), "--json: 'maybe' is neither true nor false");
  EXPECT_EQ(flag_error({"--data", "x", "--model", "asp"}), "--model: 'asp' is not known: use bsp or ssp");
  EXPECT_EQ(flag_error({"--data", "x", "--slow", "never"}), "--slow: must be a number");
}

TEST_F(ConfigTest, RefusesUnknownKeysWithPlaceAndSuggestion) {
  EXPECT_EQ(file_error("data: x\nwrokers: 3\n"), "2:1: unknown key 'wrokers'; did you mean 'workers'?");
  EXPECT_EQ(file_error("config: other.yaml\n"), "1:1: unknown key 'config'; --help lists all");
}

TEST_F(ConfigTest, RefusesWrongValuesInAFileWithTheirPlace) {
  EXPECT_EQ(file_error("data: x\nworkers:   many\n"), "2:12: workers: 'many' is not a whole number");
  EXPECT_EQ(file_error("workers: 0\n"), "1:10: workers: must be from 1 to 250, not 0");
  EXPECT_EQ(file_error("workers: [1]\n"), "1:10: workers: takes one value, not a list");
  EXPECT_EQ(file_error("slow: {0: 2}\n"), "1:7: slow: needs one value, as in 'slow: VALUE'");
  EXPECT_EQ(file_error("slow: [[0]]\n"), "1:8: slow: an item of the list is not a plain value");
  EXPECT_EQ(file_error("slow: never\n"), "1:7: slow: must be a number");
  EXPECT_EQ(file_error("data:\nworkers: 1\n"), "1:1: data: needs one value, as in 'data: VALUE'");
}

TEST_F(ConfigTest, RefusesAKeyGivenTwice) {
  EXPECT_EQ(file_error("data: x\nseed: 1\ndata: y\n"), "3:1: key 'data' is given twice: keep one");
}

TEST_F(ConfigTest, RefusesAQuoteThatIsNotClosed) {
  const std::string open = "the quote that begins here is not closed in its line: close it";
  EXPECT_EQ(file_error("data: \"x\nseed: 3\n"), "1:7: " + open);
  EXPECT_EQ(file_error("seed: 1\ndata: 'it''s\nworkers: 3\n"), "2:7: " + open);
  EXPECT_EQ(file_error("data: \"x\nseed: 1\nmodel: \"bsp\"\n"), "1:7: " + open);
  EXPECT_EQ(file_error("data: \"x\\\ny\"\n"), "1:7: " + open);
  EXPECT_EQ(file_error("slow: [1, \"0:2]\ndata: x\n"), "1:11: " + open);
  EXPECT_EQ(file_error("\"data: x\nseed\": 3\n"), "1:1: " + open);
  EXPECT_EQ(file_error("\xef\xbb\xbf"
                       "data: !!str \"x\nseed: \"\n"),
            "1:7: " + open);
}

TEST_F(ConfigTest, ReadsTextsInQuotes) {
  read_file("data: \"a \\\"b\\\" # c\"  # \"d\nmodel: 'bsp'\n");
  EXPECT_EQ(data_, "a \"b\" # c");
}

TEST_F(ConfigTest, RefusesFilesThatAreNoMapOfKeys) {
  EXPECT_EQ(file_error("- data\n"), "1:1: expected lines of the form 'name: value'");
  EXPECT_EQ(file_error("data: x\n---\ndata: y\n"), "3:1: a second document begins here: keep one");
  EXPECT_EQ(file_error("? [a]\n: b\n"), "1:3: a key is not a plain word");
  EXPECT_THAT(file_error("data: x\n  seed: 3\n"), StartsWith("2:7: "));
}

TEST_F(ConfigTest, RefusesAFileThatCannotBeRead) {
  const std::string message = error_of([&] { read({"--config", "/nowhere/at-all.yaml"}); }, ErrorKind::kConfiguration);
  EXPECT_EQ(message, "cannot read configuration file '/nowhere/at-all.yaml': No such file or directory");
}

TEST_F(ConfigTest, RefusesANameDeclaredTwice) {
  EXPECT_THROW(reader_.add("Own", {"data", &data_, "again"}), Error);
  EXPECT_THROW(reader_.add("Own", {"help", &data_, "taken"}), Error);
}

TEST_F(ConfigTest, ListsTheValuesOfThisRun) {
  read({"--data", "x", "--workers", "3", "--slow", "0:2"});
  const auto values = reader_.values();
  const auto value_of = [&](const std::string& name) {
    for (const auto& [key, value] : values) {
      if (key == name) return value;
    }
    return ConfigValue{"absent"};
  };
  EXPECT_EQ(value_of("workers"), ConfigValue{std::int64_t{3}});
  EXPECT_EQ(value_of("data"), ConfigValue{"x"});
  EXPECT_EQ(value_of("json"), ConfigValue{false});
  EXPECT_EQ(value_of("rate"), ConfigValue{0.5});
  EXPECT_EQ(value_of("seed"), ConfigValue{std::uint64_t{1}});
  EXPECT_EQ(value_of("slow"), ConfigValue{"0:2"});
}

TEST_F(ConfigTest, TakesAPositionalOptionWithAndWithoutItsName) {
  std::string file;
  reader_.add("Own", {"file", &file, "what to do", {.positional = true}});
  read({"--data", "x", "solver.yaml", "--workers", "3"});
  EXPECT_EQ(file, "solver.yaml");
  EXPECT_EQ(workers_, 3);
  read({"--data", "x", "--file", "other.yaml"});
  EXPECT_EQ(file, "other.yaml");
  EXPECT_THAT(flag_error({"--data", "x", "one.yaml", "two.yaml"}), HasSubstr("two.yaml"));
  EXPECT_THAT(flag_error({"--data", "x", "--fil", "one.yaml"}), HasSubstr("did you mean '--file'?"));
}

}  // namespace
}  // namespace bosen
