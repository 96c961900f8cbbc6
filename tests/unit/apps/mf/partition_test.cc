#include "apps/mf/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

namespace mf {
namespace {

using testing::ElementsAre;

/// User, item and value.
using Triple = std::tuple<std::int64_t, std::int64_t, float>;

std::vector<Triple> sorted_triples(std::span<const Rating> ratings) {
  std::vector<Triple> triples;
  for (const Rating& rating : ratings) triples.emplace_back(rating.user, rating.item, rating.value);
  std::sort(triples.begin(), triples.end());
  return triples;
}

TEST(SliceTest, ListsEachRowOnceAndPointsIntoTheLists) {
  const Slice slice = make_slice(std::vector<Rating>{{7, 30, 1}, {5, 10, 2}, {7, 10, 3}});
  EXPECT_THAT(slice.users, ElementsAre(5, 7));
  EXPECT_THAT(slice.items, ElementsAre(10, 30));
  ASSERT_EQ(slice.ratings.size(), 3U);
  EXPECT_EQ(slice.ratings[0].user, 1U);
  EXPECT_EQ(slice.ratings[0].item, 1U);
  EXPECT_EQ(slice.ratings[1].user, 0U);
  EXPECT_EQ(slice.ratings[1].item, 0U);
  EXPECT_EQ(slice.ratings[2].value, 3);
}

TEST(SliceTest, MayBeEmpty) {
  const Slice slice = make_slice({});
  EXPECT_TRUE(slice.users.empty());
  EXPECT_TRUE(slice.ratings.empty());
}

TEST(AssignUsersTest, GivesEveryWorkerAboutAsManyRatings) {
  const Ratings ratings = generate_ratings({.users = 50, .items = 40, .rank = 2, .ratings = 1000}, 0, 1);
  Ratings skewed = ratings;
  for (std::uint32_t item = 0; item < 40; ++item) skewed.train.push_back({0, item, 3});
  const std::vector<int> owners = assign_users(skewed, 3);
  std::vector<std::int64_t> loads(3);
  for (const Rating& rating : skewed.train) ++loads.at(static_cast<std::size_t>(owners[rating.user]));
  const auto [least, most] = std::minmax_element(loads.begin(), loads.end());
  EXPECT_LE(*most - *least, 20);
}

TEST(AssignUsersTest, GivesAUserToOneWorkerWhoGetsAllItsRatings) {
  const Ratings ratings = generate_ratings({.users = 9, .items = 40, .rank = 2, .ratings = 200}, 0, 1);
  const std::vector<int> owners = assign_users(ratings, 2);
  const auto first = ratings_of_worker(ratings.train, owners, 0);
  const auto second = ratings_of_worker(ratings.train, owners, 1);
  EXPECT_TRUE(std::all_of(first.begin(), first.end(), [&](const Rating& rating) { return owners[rating.user] == 0; }));
  std::vector<Rating> both = first;
  both.insert(both.end(), second.begin(), second.end());
  EXPECT_EQ(sorted_triples(both), sorted_triples(ratings.train));
  EXPECT_FALSE(first.empty() || second.empty());
}

TEST(CutIntoSlicesTest, UsesEveryRatingOnceInSlicesOfEqualSize) {
  const Ratings ratings = generate_ratings({.users = 10, .items = 20, .rank = 2, .ratings = 103}, 0, 1);
  const std::vector<Slice> slices = cut_into_slices(ratings.train, 10, 1, 0);
  ASSERT_EQ(slices.size(), 10U);
  std::vector<Triple> found;
  for (const Slice& slice : slices) {
    EXPECT_GE(slice.ratings.size(), 10U);
    EXPECT_LE(slice.ratings.size(), 11U);
    for (const SliceRating& rating : slice.ratings) {
      found.emplace_back(slice.users.at(rating.user), slice.items.at(rating.item), rating.value);
    }
  }
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, sorted_triples(ratings.train));
}

TEST(CutIntoSlicesTest, LeavesSlicesEmptyWhereThereAreFewerRatings) {
  const std::vector<Slice> slices = cut_into_slices({{0, 0, 1}, {0, 1, 1}}, 5, 1, 0);
  ASSERT_EQ(slices.size(), 5U);
  EXPECT_EQ(std::count_if(slices.begin(), slices.end(), [](const Slice& slice) { return slice.ratings.empty(); }), 3);
}

TEST(ClocksPerEpochTest, LetsTheMostRatedItemMoveATenthOfTheWay) {
  Ratings ratings;
  ratings.user_ids.resize(500);
  ratings.item_ids.resize(2);
  for (std::uint32_t user = 0; user < 400; ++user) ratings.train.push_back({user, 1, 3});
  EXPECT_EQ(clocks_per_epoch(ratings, 2, 0.01), 40);
  EXPECT_EQ(clocks_per_epoch(ratings, 2, 0.0001), 1);
  EXPECT_EQ(clocks_per_epoch(ratings, 2, 5), 400) << "no more than one of its ratings in a clock";
}

TEST(ClocksPerEpochTest, OneWorkerAloneNeedsOneForAMillionRatings) {
  Ratings ratings;
  EXPECT_EQ(clocks_per_epoch(ratings, 1, 0.01), 1);
  ratings.item_ids.resize(1);
  ratings.train.resize(std::size_t{1} << 20);
  EXPECT_EQ(clocks_per_epoch(ratings, 1, 0.01), 1);
  ratings.train.emplace_back();
  EXPECT_EQ(clocks_per_epoch(ratings, 1, 0.01), 2);
}

}  // namespace
}  // namespace mf
