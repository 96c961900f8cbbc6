#include "apps/mf/partition.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>

#include "bosen/random.h"

namespace mf {
namespace {

constexpr double kLargestMove = 0.1;
constexpr std::uint64_t kSliceStream = 5;

/// The different values of a column, ascending.
std::vector<std::int64_t> rows_of(std::span<const Rating> ratings, std::uint32_t Rating::*column) {
  std::vector<std::int64_t> rows;
  rows.reserve(ratings.size());
  for (const Rating& rating : ratings) rows.push_back(rating.*column);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

std::uint32_t place_of(const std::vector<std::int64_t>& rows, std::int64_t row) {
  return static_cast<std::uint32_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin());
}

}  // namespace

Slice make_slice(std::span<const Rating> ratings) {
  Slice slice{rows_of(ratings, &Rating::user), rows_of(ratings, &Rating::item), {}};
  for (const Rating& rating : ratings) {
    slice.ratings.push_back({place_of(slice.users, rating.user), place_of(slice.items, rating.item), rating.value});
  }
  return slice;
}

std::vector<int> assign_users(const Ratings& ratings, int workers) {
  std::vector<std::size_t> counts(ratings.users());
  for (const Rating& rating : ratings.train) ++counts[rating.user];
  std::vector<std::size_t> users(ratings.users());
  std::iota(users.begin(), users.end(), std::size_t{0});
  std::stable_sort(users.begin(), users.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });

  using Load = std::pair<std::size_t, int>;  // ratings, worker
  std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
  for (int worker = 0; worker < workers; ++worker) loads.emplace(0, worker);
  std::vector<int> workers_of_users(ratings.users());
  for (const std::size_t user : users) {
    const auto [load, worker] = loads.top();
    loads.pop();
    workers_of_users[user] = worker;
    loads.emplace(load + counts[user], worker);
  }
  return workers_of_users;
}

std::vector<Rating> ratings_of_worker(std::span<const Rating> ratings, const std::vector<int>& workers_of_users,
                                      int worker) {
  std::vector<Rating> own;
  for (const Rating& rating : ratings) {
    if (workers_of_users[rating.user] == worker) own.push_back(rating);
  }
  return own;
}

std::int64_t clocks_per_epoch(const Ratings& ratings, double learning_rate) {
  std::vector<std::int64_t> counts(ratings.items());
  for (const Rating& rating : ratings.train) ++counts[rating.item];
  const std::int64_t most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  const auto clocks = static_cast<std::int64_t>(std::ceil(static_cast<double>(most) * learning_rate / kLargestMove));
  return std::clamp(clocks, std::int64_t{1}, std::max(std::int64_t{1}, most));
}

std::vector<Slice> cut_into_slices(std::vector<Rating> ratings, std::int64_t clocks, std::uint64_t seed, int worker) {
  bosen::Random(seed, kSliceStream, static_cast<std::uint64_t>(worker)).shuffle(std::span(ratings));
  const auto count = static_cast<std::size_t>(clocks);
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = ratings.size() * i / count;
    const std::size_t end = ratings.size() * (i + 1) / count;
    slices.push_back(make_slice(std::span(ratings).subspan(first, end - first)));
  }
  return slices;
}

}  // namespace mf
