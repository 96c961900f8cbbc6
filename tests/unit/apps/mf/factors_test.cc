#include "apps/mf/factors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include "bosen/random.h"

namespace mf {
namespace {

constexpr double kMean = 3;

/// Rows by their numbers, as a table would hold them.
using Rows = std::vector<std::vector<float>>;

Rows start_rows(RowKind kind, std::size_t count, int rank) {
  Rows rows(count, std::vector<float>(static_cast<std::size_t>(rank) + 1));
  for (std::size_t row = 0; row < count; ++row) start_row(1, kind, static_cast<std::int64_t>(row), rows[row]);
  return rows;
}

/// Every rank up to more than two registers of the kernels.
class FactorizerTest : public ::testing::TestWithParam<int> {};

TEST_P(FactorizerTest, StepsAsThePlainFormulasSay) {
  const int rank = GetParam();
  const auto width = static_cast<std::size_t>(rank);
  const Slice slice = make_slice(std::vector<Rating>{{0, 0, 5}});
  std::vector<float> user = start_rows(RowKind::kUser, 1, rank)[0];
  std::vector<float> item = start_rows(RowKind::kItem, 1, rank)[0];
  user[width] = 0.5F;
  item[width] = -0.25F;
  Factorizer factorizer(rank, kMean, {.learning_rate = 0.1, .regularization = 0.2});
  factorizer.users().resize(1);
  factorizer.items().resize(1);
  factorizer.users().load(0, user);
  factorizer.items().load(0, item);

  double error = 5 - kMean - 0.5 + 0.25;
  for (std::size_t k = 0; k < width; ++k) error -= static_cast<double>(user[k]) * static_cast<double>(item[k]);
  EXPECT_NEAR(factorizer.squared_error(slice), error * error, 1e-4);
  EXPECT_NEAR(factorizer.learn(slice, std::vector<std::uint32_t>{0}), error * error, 1e-4);

  std::vector<float> user_change(width + 1);
  std::vector<float> item_change(width + 1);
  factorizer.users().difference(0, user, user_change);
  factorizer.items().difference(0, item, item_change);
  for (std::size_t k = 0; k < width; ++k) {
    const auto p = static_cast<double>(user[k]);
    const auto q = static_cast<double>(item[k]);
    EXPECT_NEAR(static_cast<double>(user_change[k]), 0.1 * (error * q - 0.2 * p), 1e-5);
    EXPECT_NEAR(static_cast<double>(item_change[k]), 0.1 * (error * p - 0.2 * q), 1e-5);
  }
  EXPECT_NEAR(static_cast<double>(user_change[width]), 0.1 * (error - 0.2 * 0.5), 1e-5);
  EXPECT_NEAR(static_cast<double>(item_change[width]), 0.1 * (error + 0.2 * 0.25), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Ranks, FactorizerTest, testing::Values(1, 2, 3, 4, 5, 8, 11));

TEST(StartRowTest, DependsOnSeedKindAndRow) {
  std::vector<float> row(4);
  std::vector<float> other(4);
  start_row(1, RowKind::kUser, 7, row);
  EXPECT_EQ(row.back(), 0) << "no bias";
  start_row(1, RowKind::kUser, 7, other);
  EXPECT_EQ(row, other);
  start_row(1, RowKind::kItem, 7, other);
  EXPECT_NE(row, other);
  start_row(2, RowKind::kUser, 7, other);
  EXPECT_NE(row, other);
}

/// Workers that see their own steps at once and those of others `lag` clocks late: the worst that a bounded staleness
/// allows. Without threads, so that a result is the same in every run.
class LaggingCluster {
 public:
  LaggingCluster(const Ratings& ratings, int rank, int workers, std::size_t lag, const SgdOptions& sgd)
      : ratings_(ratings),
        rank_(rank),
        lag_(lag),
        clocks_(clocks_per_epoch(ratings, workers, sgd.learning_rate)),
        factorizer_(rank, ratings.mean, sgd),
        users_(start_rows(RowKind::kUser, ratings.users(), rank)),
        items_(start_rows(RowKind::kItem, ratings.items(), rank)),
        own_(static_cast<std::size_t>(workers),
             Rows(ratings.items(), std::vector<float>(static_cast<std::size_t>(rank) + 1))) {
    const std::vector<int> owners = assign_users(ratings, workers);
    for (int worker = 0; worker < workers; ++worker) {
      slices_.push_back(cut_into_slices(ratings_of_worker(ratings.train, owners, worker), clocks_, 1, worker));
    }
  }

  void run(int epochs) {
    for (std::int64_t clock = 0; clock < epochs * clocks_; ++clock) {
      history_.push_back(own_);
      if (history_.size() > lag_ + 1) history_.pop_front();
      for (std::size_t worker = 0; worker < own_.size(); ++worker) {
        learn(worker, slices_[worker][static_cast<std::size_t>(clock % clocks_)], clock);
      }
    }
  }

  /// Of the test ratings, with everybody's steps.
  double rmse() {
    const Slice slice = make_slice(ratings_.test);
    load_users(slice);
    factorizer_.items().resize(slice.items.size());
    for (std::size_t i = 0; i < slice.items.size(); ++i) {
      factorizer_.items().load(i, item(own_, static_cast<std::size_t>(slice.items[i])));
    }
    return std::sqrt(factorizer_.squared_error(slice) / static_cast<double>(slice.ratings.size()));
  }

 private:
  [[nodiscard]] std::vector<float> item(const std::vector<Rows>& added, std::size_t row) const {
    std::vector<float> values = items_[row];
    for (const Rows& rows : added) {
      for (std::size_t k = 0; k < values.size(); ++k) values[k] += rows[row][k];
    }
    return values;
  }

  void load_users(const Slice& slice) {
    factorizer_.users().resize(slice.users.size());
    for (std::size_t i = 0; i < slice.users.size(); ++i) {
      factorizer_.users().load(i, users_[static_cast<std::size_t>(slice.users[i])]);
    }
  }

  void learn(std::size_t worker, const Slice& slice, std::int64_t clock) {
    std::vector<Rows> seen = history_.front();
    seen[worker] = own_[worker];
    load_users(slice);
    factorizer_.items().resize(slice.items.size());
    Rows before;
    for (std::size_t i = 0; i < slice.items.size(); ++i) {
      before.push_back(item(seen, static_cast<std::size_t>(slice.items[i])));
      factorizer_.items().load(i, before.back());
    }
    std::vector<std::uint32_t> order(slice.ratings.size());
    std::iota(order.begin(), order.end(), 0U);
    bosen::Random(3, worker, static_cast<std::uint64_t>(clock)).shuffle(std::span(order));
    factorizer_.learn(slice, order);
    std::vector<float> change(static_cast<std::size_t>(rank_) + 1);
    for (std::size_t i = 0; i < slice.users.size(); ++i) {
      std::vector<float>& row = users_[static_cast<std::size_t>(slice.users[i])];
      factorizer_.users().difference(i, row, change);
      for (std::size_t k = 0; k < row.size(); ++k) row[k] += change[k];
    }
    for (std::size_t i = 0; i < slice.items.size(); ++i) {
      factorizer_.items().difference(i, before[i], change);
      std::vector<float>& row = own_[worker][static_cast<std::size_t>(slice.items[i])];
      for (std::size_t k = 0; k < row.size(); ++k) row[k] += change[k];
    }
  }

  const Ratings& ratings_;
  const int rank_;
  const std::size_t lag_;
  const std::int64_t clocks_;
  Factorizer factorizer_;
  Rows users_;                             ///< only their worker changes them
  Rows items_;                             ///< at the start
  std::vector<Rows> own_;                  ///< what each worker has added to the items
  std::deque<std::vector<Rows>> history_;  ///< own_ before the last clocks
  std::vector<std::vector<Slice>> slices_;
};

struct Setting {
  int workers;
  std::size_t lag;
};

class LearningTest : public ::testing::TestWithParam<Setting> {};

TEST_P(LearningTest, FindsTheFactorsBehindTheRatingsWhateverTheStaleness) {
  const Ratings ratings = generate_ratings({.users = 150, .items = 60, .rank = 2, .ratings = 5000}, 5, 1);
  constexpr SgdOptions kSgd{.learning_rate = 0.03, .regularization = 0.02};
  LaggingCluster one(ratings, 2, 1, 0, kSgd);
  const double at_start = one.rmse();
  one.run(30);
  LaggingCluster cluster(ratings, 2, GetParam().workers, GetParam().lag, kSgd);
  cluster.run(30);
  EXPECT_GT(at_start, 0.65) << "there is something to learn";
  EXPECT_LT(one.rmse(), kNoise + 0.08);
  EXPECT_LT(cluster.rmse(), one.rmse() + 0.02);
}

INSTANTIATE_TEST_SUITE_P(Clusters, LearningTest,
                         testing::Values(Setting{2, 0}, Setting{4, 0}, Setting{4, 2}, Setting{4, 7}),
                         [](const auto& setting) {
                           return std::to_string(setting.param.workers) + "WorkersLagging" +
                                  std::to_string(setting.param.lag);
                         });

}  // namespace
}  // namespace mf
