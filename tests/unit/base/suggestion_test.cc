#include "bosen/base/suggestion.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bosen {
namespace {

const std::vector<std::string> kNames{"workers", "staleness", "seed", "learning-rate"};

TEST(SuggestionTest, NamesTheNearestCandidate) {
  EXPECT_EQ(suggestion("wrokers", kNames), "; did you mean 'workers'?");
  EXPECT_EQ(suggestion("learning_rate", kNames), "; did you mean 'learning-rate'?");
  EXPECT_EQ(suggestion("sead", kNames), "; did you mean 'seed'?");
}

TEST(SuggestionTest, PrefersTheNearerOfLikeNames) {
  const std::vector<std::string> hosts = {"gnode1", "gnode12", "login"};
  EXPECT_EQ(suggestion("gnod12", hosts), "; did you mean 'gnode12'?");
  EXPECT_EQ(suggestion("lgoin", hosts), "; did you mean 'login'?");
}

TEST(SuggestionTest, DoesNotSuggestTheWordItself) {
  EXPECT_EQ(suggestion("gnode1", std::vector<std::string>{"gnode1"}), "");
}

TEST(SuggestionTest, TakesABeginningForTheWholeName) {
  EXPECT_EQ(suggestion("stal", kNames), "; did you mean 'staleness'?");
}

TEST(SuggestionTest, SaysNothingWhereNothingIsNear) {
  EXPECT_EQ(suggestion("frobnicate", kNames), "");
  EXPECT_EQ(suggestion("", kNames), "");
  EXPECT_EQ(suggestion("workers", {}), "");
}

}  // namespace
}  // namespace bosen
