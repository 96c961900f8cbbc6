#include "apps/mf/partition.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <queue>
#include <utility>

#include "bosen/random.h"

namespace mf {
namespace {

constexpr double kLargestMove = 0.1;
constexpr std::uint64_t kSliceStream = 5;

constexpr std::int64_t kAloneRatingsMax = std::int64_t{1} << 20;

/// Numbers the rows that ratings touch. Its memory serves one slice after the other.
class RowNumbers {
 public:
  explicit RowNumbers(std::uint32_t Rating::*column) : column_(column) {}

  /// The different values of the column, ascending; place() knows them until forget().
  std::vector<std::int64_t> number(std::span<const Rating> ratings) {
    std::vector<std::int64_t> rows;
    for (const Rating& rating : ratings) {
      const std::uint32_t row = rating.*column_;
      if (row >= places_.size()) places_.resize(row + std::size_t{1}, kNone);
      if (std::exchange(places_[row], 0) == kNone) rows.push_back(row);
    }
    std::sort(rows.begin(), rows.end());
    for (std::size_t i = 0; i < rows.size(); ++i)
      places_[static_cast<std::size_t>(rows[i])] = static_cast<std::uint32_t>(i);
    return rows;
  }
  [[nodiscard]] std::uint32_t place(const Rating& rating) const { return places_[rating.*column_]; }
  void forget(std::span<const std::int64_t> rows) {
    for (const std::int64_t row : rows) places_[static_cast<std::size_t>(row)] = kNone;
  }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t Rating::*const column_;
  std::vector<std::uint32_t> places_;  ///< by row
};

class SliceMaker {
 public:
  Slice make(std::span<const Rating> ratings) {
    Slice slice{users_.number(ratings), items_.number(ratings), {}};
    slice.ratings.reserve(ratings.size());
    for (const Rating& rating : ratings) {
      slice.ratings.push_back({users_.place(rating), items_.place(rating), rating.value});
    }
    users_.forget(slice.users);
    items_.forget(slice.items);
    return slice;
  }

 private:
  RowNumbers users_{&Rating::user};
  RowNumbers items_{&Rating::item};
};

}  // namespace

Slice make_slice(std::span<const Rating> ratings) { return SliceMaker().make(ratings); }

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

std::int64_t clocks_per_epoch(const Ratings& ratings, int workers, double learning_rate) {
  if (workers == 1) {
    return std::max(std::int64_t{1}, (static_cast<std::int64_t>(ratings.train.size()) - 1) / kAloneRatingsMax + 1);
  }
  std::vector<std::int64_t> counts(ratings.items());
  for (const Rating& rating : ratings.train) ++counts[rating.item];
  const std::int64_t most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  const auto clocks = static_cast<std::int64_t>(std::ceil(static_cast<double>(most) * learning_rate / kLargestMove));
  return std::clamp(clocks, std::int64_t{1}, std::max(std::int64_t{1}, most));
}

std::vector<Slice> cut_into_slices(std::vector<Rating> ratings, std::int64_t clocks, std::uint64_t seed, int worker) {
  bosen::Random(seed, kSliceStream, static_cast<std::uint64_t>(worker)).shuffle(std::span(ratings));
  const auto count = static_cast<std::size_t>(clocks);
  SliceMaker maker;
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = ratings.size() * i / count;
    const std::size_t end = ratings.size() * (i + 1) / count;
    slices.push_back(maker.make(std::span(ratings).subspan(first, end - first)));
  }
  return slices;
}

}  // namespace mf
