// Both samplers against the posterior itself: on a corpus so small that every assignment of topics can be listed.

#include "apps/lda/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "apps/lda/mh_sampler.h"
#include "apps/lda/sparse_sampler.h"

namespace lda {
namespace {

constexpr int kTopics = 3;
constexpr int kSweeps = 200'000;
constexpr Prior kPrior{.alpha = 1, .beta = 0.8, .vocabulary = 3};
/// With the program's defaults.
constexpr Prior kSparsePrior{.alpha = 0.1, .beta = 0.01, .vocabulary = 3};

/// Two documents of four words, of three kinds.
Slice tiny_slice() {
  Slice slice;
  slice.words = {0, 1, 2};
  for (const std::uint32_t word : {0U, 0U, 1U, 2U, 2U, 1U, 2U, 0U}) slice.tokens.push_back({.word = word});
  slice.document_begins = {0, 4, 8};
  return slice;
}

Counts counts_of(const Slice& slice) {
  Counts counts;
  counts.topics = kTopics;
  counts.word_topic.assign(slice.words.size() * kTopics, 0);
  counts.total.assign(kTopics, 0);
  for (const Slice::Token& token : slice.tokens) {
    ++counts.row(token.word)[token.topic];
    ++counts.total[token.topic];
  }
  return counts;
}

/// log p(topics, words) but for a constant (Griffiths and Steyvers, PNAS 2004, equations 2 and 3).
double log_joint(Slice& slice, const Prior& prior) {
  const Counts counts = counts_of(slice);
  double sum = 0;
  for (const std::int32_t n : counts.word_topic) sum += std::lgamma(n + prior.beta);
  for (const std::int64_t n : counts.total) sum -= std::lgamma(static_cast<double>(n) + prior.beta_sum());
  for (std::size_t document = 0; document < slice.documents(); ++document) {
    std::vector<int> of_document(kTopics, 0);
    for (const Slice::Token& token : slice.document(document)) ++of_document[token.topic];
    for (const int n : of_document) sum += std::lgamma(n + prior.alpha);
  }
  return sum;
}

/// How probable it is that token i and token j are of one topic: says everything but the topics' names, which mean
/// nothing.
using Pairs = std::map<std::pair<std::size_t, std::size_t>, double>;

void add_pairs(const Slice& slice, double weight, Pairs& pairs) {
  for (std::size_t i = 0; i < slice.tokens.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (slice.tokens[i].topic == slice.tokens[j].topic) pairs[{i, j}] += weight;
    }
  }
}

Pairs exact_pairs(const Prior& prior) {
  Slice slice = tiny_slice();
  Pairs pairs;
  double total = 0;
  const auto assignments = static_cast<int>(std::pow(kTopics, slice.tokens.size()));
  for (int number = 0; number < assignments; ++number) {
    int rest = number;
    for (Slice::Token& token : slice.tokens) {
      token.topic = static_cast<Topic>(rest % kTopics);
      rest /= kTopics;
    }
    const double weight = std::exp(log_joint(slice, prior));
    total += weight;
    add_pairs(slice, weight, pairs);
  }
  for (auto& [pair, weight] : pairs) weight /= total;
  return pairs;
}

/// Expects that each pair is within `tolerance` of the posterior.
void expect_posterior(Sampler& sampler, const Prior& prior, double tolerance) {
  Slice slice = tiny_slice();
  Counts counts = counts_of(slice);
  bosen::Random random(3);
  Pairs pairs;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    sampler.sample(slice, counts, random);
    add_pairs(slice, 1.0 / kSweeps, pairs);
  }
  for (const auto& [pair, probability] : exact_pairs(prior)) {
    EXPECT_NEAR(pairs[pair], probability, tolerance) << pair.first << ' ' << pair.second;
  }
  const Counts recounted = counts_of(slice);
  EXPECT_EQ(counts.word_topic, recounted.word_topic);
  EXPECT_EQ(counts.total, recounted.total);
}

TEST(SparseSamplerTest, DrawsFromThePosterior) {
  for (const Prior& prior : {kPrior, kSparsePrior}) {
    SparseSampler sampler(prior, kTopics);
    expect_posterior(sampler, prior, 0.008);
  }
}

TEST(MhSamplerTest, DrawsNearThePosteriorTheNearerTheMoreItsSteps) {
  struct Case {
    Prior prior;
    int steps;
    double tolerance;
  };
  for (const Case& each : {Case{kPrior, 2, 0.008}, Case{kSparsePrior, 1, 0.12}, Case{kSparsePrior, 2, 0.08},
                           Case{kSparsePrior, 8, 0.02}}) {
    SCOPED_TRACE(each.steps);
    MhSampler sampler(each.prior, kTopics, each.steps);
    expect_posterior(sampler, each.prior, each.tolerance);
  }
}

TEST(SamplerTest, TakesAStaleNegativeCountForZero) {
  for (const bool sparse : {false, true}) {
    std::unique_ptr<Sampler> sampler;
    if (sparse) {
      sampler = std::make_unique<SparseSampler>(kPrior, kTopics);
    } else {
      sampler = std::make_unique<MhSampler>(kPrior, kTopics, 2);
    }
    Slice slice = tiny_slice();
    Counts counts = counts_of(slice);
    counts.row(0)[0] = -3;
    counts.row(1)[2] = -1;
    counts.total = {-5, 2, 0};
    const std::int64_t before = counts.total[0] + counts.total[1] + counts.total[2];
    bosen::Random random(1);
    for (int i = 0; i < 50; ++i) sampler->sample(slice, counts, random);
    EXPECT_EQ(counts.total[0] + counts.total[1] + counts.total[2], before) << "what is moved is moved once";
    for (const Slice::Token& token : slice.tokens) EXPECT_LT(token.topic, kTopics);
  }
}

}  // namespace
}  // namespace lda
