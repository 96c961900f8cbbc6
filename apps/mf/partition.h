#pragma once

// Which worker learns from which ratings in which clock.

#include <cstdint>
#include <span>
#include <vector>

#include "apps/mf/ratings.h"

namespace mf {

/// A rating by places in the slice's lists of users and items.
struct SliceRating {
  std::uint32_t user = 0;
  std::uint32_t item = 0;
  float value = 0;
};

/// The ratings that a worker takes together, and the rows that they touch, each once.
struct Slice {
  std::vector<std::int64_t> users;  ///< rows of the users' table, ascending
  std::vector<std::int64_t> items;  ///< rows of the items' table, ascending
  std::vector<SliceRating> ratings;
};

/// A slice of those ratings, in their order.
Slice make_slice(std::span<const Rating> ratings);

/// Each user's worker, so that every worker has about as many ratings: users with many ratings are given away first,
/// each to the worker that has the fewest. A user's row then changes on one worker only.
std::vector<int> assign_users(const Ratings& ratings, int workers);

/// The ratings of a worker's users.
std::vector<Rating> ratings_of_worker(std::span<const Rating> ratings, const std::vector<int>& workers_of_users,
                                      int worker);

/// How many clocks an epoch takes, the same for every worker.
///
/// In a clock workers don't see each other's steps, and what they add to an item that all have rated adds up: with n
/// ratings of an item in a clock and learning rate r, its bias moves by n * r of the way to where it belongs, and
/// updates that are d clocks late make it swing as soon as that exceeds pi / (4 d + 2). So a clock is as short as it
/// takes for the most rated item to move a tenth of the way: good for a staleness of 7.
///
/// A worker that is alone sees all steps at once, so that its clocks are as long as its memory should be asked to hold
/// copies of rows.
std::int64_t clocks_per_epoch(const Ratings& ratings, int workers, double learning_rate);

/// A worker's ratings in random order, cut into `clocks` slices of equal size.
std::vector<Slice> cut_into_slices(std::vector<Rating> ratings, std::int64_t clocks, std::uint64_t seed, int worker);

}  // namespace mf
