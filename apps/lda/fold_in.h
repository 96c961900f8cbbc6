#pragma once

// What a model says of documents.

#include <span>
#include <vector>

#include "apps/lda/corpus.h"

namespace lda {

/// What words topics are made of: p(w | k) for each word, a row of topics after the other.
class TopicWords {
 public:
  /// From counts n_wk, a row of topics for each word, smoothed by beta; negative ones are taken for zero.
  TopicWords(std::span<const std::int32_t> word_topic, int topics, double beta);

  [[nodiscard]] int topics() const { return topics_; }
  [[nodiscard]] std::size_t words() const { return probabilities_.size() / static_cast<std::size_t>(topics_); }
  [[nodiscard]] std::span<const float> of(Word word) const {
    return std::span(probabilities_)
        .subspan(word * static_cast<std::size_t>(topics_), static_cast<std::size_t>(topics_));
  }

 private:
  int topics_;
  std::vector<float> probabilities_;
};

/// The mixture of topics of a document that the model has not seen: what maximises its probability under the prior
/// Dirichlet(alpha + 1), by expectation and maximisation (as PLSA folds in: Hofmann, SIGIR 1999). Sums to 1.
std::vector<double> fold_in(const TopicWords& topics, std::span<const Word> document, double alpha);

/// Sum over the words of log p(w | mixture).
double log_likelihood(const TopicWords& topics, std::span<const Word> document, std::span<const double> mixture);

}  // namespace lda
