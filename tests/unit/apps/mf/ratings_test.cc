#include "apps/mf/ratings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "bosen/error.h"

namespace mf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const bosen::Error& error) {
    EXPECT_EQ(bosen::exit_code(error.kind()), 2);
    return error.what();
  }
  return "no error";
}

class RatingsTest : public ::testing::Test {
 protected:
  ~RatingsTest() override { std::filesystem::remove(path_); }

  Ratings read(const std::string& text, int test_every = 0) {
    std::ofstream(path_) << text;
    return read_ratings(path_, test_every);
  }

  std::string error(const std::string& text) {
    const std::string message = error_of([&] { read(text); });
    return message.substr(std::min(message.size(), path_.size() + 1));
  }

  std::string path_ = testing::TempDir() + "ratings_test_" + std::to_string(::getpid());
};

TEST_F(RatingsTest, TakesTabsCommasColonsAndBlanksAndIgnoresFurtherColumns) {
  const Ratings ratings = read("196\t242\t3\t881250949\n186,302,3.5\r\n\n22 377  1 x y z\n22::242::2.5::97\n");
  ASSERT_EQ(ratings.train.size(), 4U);
  EXPECT_THAT(ratings.user_ids, ElementsAre(22, 186, 196));
  EXPECT_THAT(ratings.item_ids, ElementsAre(242, 302, 377));
  EXPECT_EQ(ratings.train[0].user, 2U);
  EXPECT_EQ(ratings.train[0].item, 0U);
  EXPECT_FLOAT_EQ(ratings.train[1].value, 3.5F);
  EXPECT_NEAR(ratings.mean, 2.5, 1e-9);
}

TEST_F(RatingsTest, TestsWithEveryKthRating) {
  std::string text;
  for (int i = 0; i < 7; ++i) text += "1 " + std::to_string(i) + " " + std::to_string(i) + "\n";
  const Ratings ratings = read(text, 3);
  ASSERT_EQ(ratings.test.size(), 2U);
  EXPECT_EQ(ratings.test[0].value, 2);
  EXPECT_EQ(ratings.test[1].value, 5);
  EXPECT_EQ(ratings.train.size(), 5U);
  EXPECT_NEAR(ratings.mean, (0 + 1 + 3 + 4 + 6) / 5.0, 1e-9);
  EXPECT_TRUE(read(text, 0).test.empty());
}

TEST_F(RatingsTest, RefusesWhatIsNoRatingWithItsPlace) {
  EXPECT_EQ(error("1 2 3\n1 2\n"), "2:4: the rating is missing: a line is USER ITEM RATING");
  EXPECT_EQ(error("1 2 3\n1\n"), "2:2: the item is missing: a line is USER ITEM RATING");
  EXPECT_EQ(error("userId,movieId,rating\n"),
            "1:1: the user 'userId' is not a whole number: a line is USER ITEM RATING");
  EXPECT_EQ(error("1 2.5 3\n"), "1:3: the item '2.5' is not a whole number: a line is USER ITEM RATING");
  EXPECT_EQ(error("1 2 good\n"), "1:5: the rating 'good' is not a number: a line is USER ITEM RATING");
  EXPECT_EQ(error("1 2 nan\n"), "1:5: the rating 'nan' is not a number: a line is USER ITEM RATING");
  EXPECT_EQ(error("99999999999999999999 2 3\n"),
            "1:1: the user '99999999999999999999' is not a whole number: a line is USER ITEM RATING");
}

TEST_F(RatingsTest, TakesARatingBelowTheSmallestFloatForZero) { EXPECT_EQ(read("1 2 1e-46\n").train.at(0).value, 0); }

TEST_F(RatingsTest, RefusesAnEmptyFile) {
  EXPECT_THAT(error(""), HasSubstr("is empty"));
  EXPECT_THAT(error("\n\n"), HasSubstr("is empty"));
}

TEST(GeneratorOptionsTest, ReadsItsFourNumbers) {
  const GeneratorOptions options = parse_generator("1000,500,10,50000");
  EXPECT_EQ(options.users, 1000);
  EXPECT_EQ(options.items, 500);
  EXPECT_EQ(options.rank, 10);
  EXPECT_EQ(options.ratings, 50'000);
}

TEST(GeneratorOptionsTest, RefusesOtherTexts) {
  for (const char* text :
       {"", "1,2,3", "1,2,3,4,5", "1,2,3,", "a,2,3,4", "1,2,3,4x", "0,2,3,4", "1,-2,3,4", "1;2;3;4"}) {
    EXPECT_THAT(error_of([&] { parse_generator(text); }), HasSubstr("ROWS,COLS,RANK,NNZ")) << text;
  }
  EXPECT_THAT(error_of([] { parse_generator("2,3,1,7"); }), HasSubstr("7 ratings don't fit into 2 x 3"));
  EXPECT_THAT(error_of([] { parse_generator("2,3,5000,6"); }), HasSubstr("too large"));
}

TEST(GenerateRatingsTest, MakesTheSameRatingsForTheSameSeed) {
  const GeneratorOptions options{.users = 20, .items = 15, .rank = 3, .ratings = 100};
  const Ratings first = generate_ratings(options, 5, 1);
  const Ratings again = generate_ratings(options, 5, 1);
  const Ratings other = generate_ratings(options, 5, 2);
  ASSERT_EQ(first.train.size(), 80U);
  ASSERT_EQ(first.test.size(), 20U);
  const auto values_of = [](const Ratings& ratings) {
    std::vector<float> values;
    for (const Rating& rating : ratings.train) values.push_back(rating.value);
    return values;
  };
  EXPECT_EQ(values_of(first), values_of(again));
  EXPECT_NE(values_of(first), values_of(other));
}

TEST(GenerateRatingsTest, LetsEveryUserRateAnItemOnce) {
  const Ratings ratings = generate_ratings({.users = 4, .items = 5, .rank = 2, .ratings = 20}, 0, 1);
  std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (const Rating& rating : ratings.train) pairs.emplace(rating.user, rating.item);
  EXPECT_EQ(pairs.size(), 20U) << "every user has rated every item";
}

}  // namespace
}  // namespace mf
