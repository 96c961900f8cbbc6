#include "apps/lda/fold_in.h"

#include <algorithm>
#include <cmath>

namespace lda {
namespace {

constexpr int kIterationsMax = 100;
constexpr double kSettled = 1e-5;

}  // namespace

TopicWords::TopicWords(std::span<const std::int32_t> word_topic, int topics, double beta)
    : topics_(topics), probabilities_(word_topic.size()) {
  const auto count = static_cast<std::size_t>(topics);
  const auto vocabulary = static_cast<double>(word_topic.size()) / static_cast<double>(count);
  std::vector<double> totals(count, beta * vocabulary);
  for (std::size_t i = 0; i < word_topic.size(); ++i) totals[i % count] += std::max(0, word_topic[i]);
  for (std::size_t i = 0; i < word_topic.size(); ++i) {
    probabilities_[i] = static_cast<float>((std::max(0, word_topic[i]) + beta) / totals[i % count]);
  }
}

std::vector<double> fold_in(const TopicWords& topics, std::span<const Word> document, double alpha) {
  const auto count = static_cast<std::size_t>(topics.topics());
  std::vector<double> mixture(count, 1.0 / static_cast<double>(count));
  std::vector<double> next(count);
  const double whole = static_cast<double>(document.size()) + alpha * static_cast<double>(count);
  for (int i = 0; i < kIterationsMax; ++i) {
    std::fill(next.begin(), next.end(), alpha / whole);
    for (const Word word : document) {
      const std::span<const float> of_word = topics.of(word);
      double sum = 0;
      for (std::size_t k = 0; k < count; ++k) sum += mixture[k] * of_word[k];
      for (std::size_t k = 0; k < count; ++k) next[k] += mixture[k] * of_word[k] / (sum * whole);
    }
    double change = 0;
    for (std::size_t k = 0; k < count; ++k) change = std::max(change, std::abs(next[k] - mixture[k]));
    mixture.swap(next);
    if (change < kSettled) break;
  }
  return mixture;
}

double log_likelihood(const TopicWords& topics, std::span<const Word> document, std::span<const double> mixture) {
  double sum = 0;
  for (const Word word : document) {
    const std::span<const float> of_word = topics.of(word);
    double probability = 0;
    for (std::size_t k = 0; k < mixture.size(); ++k) probability += mixture[k] * of_word[k];
    sum += std::log(probability);
  }
  return sum;
}

}  // namespace lda
