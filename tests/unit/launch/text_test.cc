#include "bosen/launch/text.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace bosen::launch {
namespace {

TEST(TextTest, ParsesOnlyWholeNumbersInRange) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<int>("-1"), -1);
  for (const char* text : {"", "+5", " 5", "5 ", "5x", "0x5", "99999999999"})
    EXPECT_FALSE(parse_number<int>(text)) << text;
  EXPECT_FALSE(parse_number<std::uint16_t>("65536"));
}

TEST(TextTest, SplitsAtEverySeparator) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(TextTest, TrimsBlanksTabsAndCarriageReturns) {
  EXPECT_EQ(trim(" \t a b\r"), "a b");
  EXPECT_EQ(trim(" \r"), "");
}

TEST(TextTest, FindsTheLastLineThatSaysSomething) {
  EXPECT_EQ(last_line("one\n two \r\n\n \n"), "two");
  EXPECT_EQ(last_line("one"), "one");
  EXPECT_EQ(last_line("\n"), "");
}

TEST(TextTest, ShowsStrangeBytesAsQuestionMarks) {
  EXPECT_EQ(printable("a\n\x1b[1m\xff"), "a??[1m?");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace bosen::launch
