#include "apps/mlr/learner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "bosen/random.h"

namespace mlr {
namespace {

using Weights = std::vector<std::vector<float>>;

std::vector<std::span<const float>> spans_of(const Weights& weights) { return {weights.begin(), weights.end()}; }

/// Examples of `classes` overlapping clouds of points, none of their coordinates centred.
Examples clouds(std::size_t count, int classes, std::int64_t features, std::uint64_t seed) {
  Examples examples{.features = features, .classes = classes, .labels = {}, .nonzeros = {}};
  bosen::Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(classes)));
    for (std::uint32_t column = 0; column < static_cast<std::uint32_t>(features); ++column) {
      if (random.uniform() < 0.3) continue;
      const double centre = 1 + bosen::Random(99, column, static_cast<std::uint64_t>(label)).normal();
      examples.nonzeros.push_back({column, static_cast<float>(centre + random.normal())});
    }
    examples.close_example(label);
  }
  return examples;
}

Weights random_weights(int classes, std::size_t width, std::uint64_t seed) {
  Weights weights(static_cast<std::size_t>(classes), std::vector<float>(width));
  bosen::Random random(seed);
  for (auto& row : weights) {
    for (float& weight : row) weight = static_cast<float>(random.normal() * 0.3);
  }
  return weights;
}

/// The loss of one example by its definition.
double plain_loss(const Weights& weights, const std::vector<float>& means, const Examples& examples, std::size_t i) {
  std::vector<double> features(means.size());
  for (const Feature& feature : examples.of(i)) features[feature.column] = static_cast<double>(feature.value);
  double sum = 0;
  double own = 0;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    double logit = static_cast<double>(weights[k][means.size()]);
    for (std::size_t j = 0; j < means.size(); ++j) {
      logit += static_cast<double>(weights[k][j]) * (features[j] - static_cast<double>(means[j]));
    }
    sum += std::exp(logit);
    if (k == static_cast<std::size_t>(examples.labels[i])) own = logit;
  }
  return std::log(sum) - own;
}

/// Every width of the kernels' blocks, and more than one block.
class SoftmaxTest : public ::testing::TestWithParam<int> {};

TEST_P(SoftmaxTest, ComputesTheLossOfItsDefinition) {
  const Examples examples = clouds(20, GetParam(), 5, 1);
  const std::vector<float> means = feature_means(examples);
  const Weights weights = random_weights(GetParam(), 6, 2);
  Softmax model(GetParam(), means);
  model.load(spans_of(weights));
  double expected = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) expected += plain_loss(weights, means, examples, i);
  EXPECT_NEAR(model.test(examples, 0, examples.size()).loss, expected, 1e-4 * expected);
}

TEST_P(SoftmaxTest, HasTheGradientOfFiniteDifferences) {
  const int classes = GetParam();
  const Examples examples = clouds(8, classes, 3, 1);
  const std::vector<float> means = feature_means(examples);
  Weights weights = random_weights(classes, 4, 2);
  Softmax model(classes, means);
  model.load(spans_of(weights));
  const std::vector<std::uint32_t> batch{1, 3, 6};
  model.differentiate(examples, batch);
  constexpr float kStep = 1e-2F;
  const auto loss_with = [&](std::size_t k, std::size_t j, float change) {
    Weights moved = weights;
    moved[k][j] += change;
    double loss = 0;
    for (const std::uint32_t i : batch) loss += plain_loss(moved, means, examples, i);
    return loss;
  };
  std::vector<float> gradient(4);
  for (int k = 0; k < classes; ++k) {
    model.gradient(k, 1, 0, gradient);
    const auto row = static_cast<std::size_t>(k);
    for (std::size_t j = 0; j < gradient.size(); ++j) {
      const double expected = (loss_with(row, j, kStep) - loss_with(row, j, -kStep)) / (2 * static_cast<double>(kStep));
      EXPECT_NEAR(static_cast<double>(gradient[j]), expected, 2e-3) << "class " << k << ", weight " << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Classes, SoftmaxTest, testing::Values(2, 4, 7, 10, 13, 40));

TEST(SoftmaxShrinkTest, AddsWeightsToTheGradientButNotTheBias) {
  const Examples examples = clouds(4, 2, 2, 1);
  const Weights weights{{1, 2, 3}, {4, 5, 6}};
  Softmax model(2, feature_means(examples));
  model.load(spans_of(weights));
  std::vector<float> gradient(3);
  model.gradient(1, 0, 0.5F, gradient);
  EXPECT_EQ(gradient, (std::vector<float>{2, 2.5F, 0}));
}

TEST(SoftmaxRawRowTest, PredictsWithoutTheMeans) {
  const Examples examples = clouds(50, 3, 4, 1);
  const Weights weights = random_weights(3, 5, 2);
  Softmax centred(3, feature_means(examples));
  centred.load(spans_of(weights));
  Softmax raw(3, std::vector<float>(4, 0.0F));
  raw.load(spans_of({centred.raw_row(0), centred.raw_row(1), centred.raw_row(2)}));
  EXPECT_EQ(raw.test(examples, 0, 50).correct, centred.test(examples, 0, 50).correct);
  EXPECT_NEAR(raw.test(examples, 0, 50).loss, centred.test(examples, 0, 50).loss, 1e-3);
}

TEST(ClocksPerEpochTest, LeavesNoWorkerWithoutExamples) {
  EXPECT_EQ(clocks_per_epoch(1000, 4, {.batch = 100}), 10);
  EXPECT_EQ(clocks_per_epoch(1001, 4, {.batch = 100}), 11);
  EXPECT_EQ(clocks_per_epoch(10, 4, {.batch = 1}), 2);
  EXPECT_EQ(clocks_per_epoch(4, 4, {.batch = 100}), 1);
}

/// Workers that see their own updates at once and those of others `lag` clocks late: the worst that a bounded staleness
/// allows. Without threads, so that a result is the same in every run.
class LaggingCluster {
 public:
  LaggingCluster(const Examples& train, int workers, std::size_t lag, const LearnerOptions& options)
      : lag_(lag), own_(static_cast<std::size_t>(workers), zeros(train)) {
    for (int worker = 0; worker < workers; ++worker) {
      learners_.push_back(
          std::make_unique<Learner>(train, feature_means(train), WorkerPlace{worker, workers}, options));
    }
  }

  void run(std::int64_t epochs) {
    for (std::int64_t clock = 0; clock < epochs * learners_[0]->epoch_clocks(); ++clock) {
      history_.push_back(own_);
      if (history_.size() > lag_ + 1) history_.pop_front();
      for (std::size_t w = 0; w < learners_.size(); ++w) learners_[w]->learn(clock, spans_of(view(w)));
      for (std::size_t w = 0; w < learners_.size(); ++w) add_updates(w);
    }
  }

  [[nodiscard]] double accuracy(const Examples& test) {
    Weights sum = own_[0];
    for (std::size_t w = 1; w < own_.size(); ++w) add(own_[w], sum);
    learners_[0]->model().load(spans_of(sum));
    return static_cast<double>(learners_[0]->model().test(test, 0, test.size()).correct) /
           static_cast<double>(test.size());
  }

  [[nodiscard]] const Weights& own(std::size_t worker) const { return own_[worker]; }

 private:
  static Weights zeros(const Examples& train) {
    return Weights(static_cast<std::size_t>(train.classes),
                   std::vector<float>(static_cast<std::size_t>(train.features) + 1));
  }

  static void add(const Weights& from, Weights& to) {
    for (std::size_t k = 0; k < to.size(); ++k) {
      for (std::size_t j = 0; j < to[k].size(); ++j) to[k][j] += from[k][j];
    }
  }

  [[nodiscard]] Weights view(std::size_t worker) const {
    Weights sum = own_[worker];
    for (std::size_t other = 0; other < own_.size(); ++other) {
      if (other != worker) add(history_.front()[other], sum);
    }
    return sum;
  }

  void add_updates(std::size_t worker) {
    for (std::size_t k = 0; k < own_[worker].size(); ++k) {
      const std::span<const float> update = learners_[worker]->update(static_cast<int>(k));
      for (std::size_t j = 0; j < update.size(); ++j) own_[worker][k][j] += update[j];
    }
  }

  const std::size_t lag_;
  std::vector<std::unique_ptr<Learner>> learners_;
  std::vector<Weights> own_;                  ///< what each worker has added
  std::deque<std::vector<Weights>> history_;  ///< own_ before the last clocks
};

struct Setting {
  int workers;
  std::size_t lag;
};

class LearnerTest : public ::testing::TestWithParam<Setting> {};

TEST_P(LearnerTest, LearnsCloudsWhateverTheStaleness) {
  const Examples train = clouds(4000, 5, 12, 1);
  const Examples test = clouds(1000, 5, 12, 2);
  constexpr LearnerOptions kOptions{.batch = 50};
  LaggingCluster one(train, 1, 0, kOptions);
  one.run(5);
  LaggingCluster cluster(train, GetParam().workers, GetParam().lag, kOptions);
  cluster.run(5);
  EXPECT_GT(one.accuracy(test), 0.7);
  EXPECT_GT(cluster.accuracy(test), one.accuracy(test) - 0.03);
}

INSTANTIATE_TEST_SUITE_P(Clusters, LearnerTest,
                         testing::Values(Setting{2, 0}, Setting{4, 0}, Setting{4, 2}, Setting{4, 8}, Setting{8, 8}),
                         [](const auto& setting) {
                           return std::to_string(setting.param.workers) + "WorkersLagging" +
                                  std::to_string(setting.param.lag);
                         });

TEST(LearnerSeedTest, RepeatsItselfForTheSameSeedOnly) {
  const Examples train = clouds(500, 3, 6, 1);
  const auto weights_of = [&](std::uint64_t seed) {
    LaggingCluster cluster(train, 2, 1, {.batch = 50, .seed = seed});
    cluster.run(2);
    return cluster.own(1);
  };
  EXPECT_EQ(weights_of(1), weights_of(1));
  EXPECT_NE(weights_of(1), weights_of(2));
}

}  // namespace
}  // namespace mlr
