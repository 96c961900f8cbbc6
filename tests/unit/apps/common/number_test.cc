#include "apps/common/number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace apps {
namespace {

TEST(ParseNumberTest, ReadsAWholeWord) {
  double number = 0;
  EXPECT_TRUE(parse_number("+1.5e-3", number));
  EXPECT_EQ(number, 0.0015);
  std::int32_t whole = 0;
  EXPECT_TRUE(parse_number("-7", whole));
  EXPECT_EQ(whole, -7);
  for (const char* text : {"", "+", "1.5x", "1 2", "e-5", "--1"}) EXPECT_FALSE(parse_number(text, number)) << text;
}

TEST(ParseNumberTest, TakesWhatIsNearerToZeroThanItsTypeForZero) {
  for (const char* text : {"1e-46", "-1e-46", "1e-400", "0.00001e-400", "1e-99999999999999999999"}) {
    float number = 1;
    EXPECT_TRUE(parse_number(text, number)) << text;
    EXPECT_EQ(number, 0) << text;
  }
  float least = 0;
  EXPECT_TRUE(parse_number("1e-40", least));
  EXPECT_GT(least, 0);
  double number = 1;
  EXPECT_TRUE(parse_number("1e-400", number));
  EXPECT_EQ(number, 0);
}

TEST(ParseNumberTest, RefusesWhatIsTooLarge) {
  for (const char* text : {"1e39", "-1e39", "1e400", "1e99999999999999999999"}) {
    float number = 0;
    EXPECT_FALSE(parse_number(text, number)) << text;
  }
  std::int32_t whole = 0;
  EXPECT_FALSE(parse_number("3000000000", whole));
}

}  // namespace
}  // namespace apps
