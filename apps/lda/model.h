#pragma once

// A model on disk: counts.npy (a row of topics for each word), vocabulary.txt (a word a line) and model.yaml.

#include <string>
#include <vector>

#include "apps/lda/corpus.h"
#include "apps/lda/fold_in.h"
#include "apps/lda/slice.h"

namespace lda {

/// Bounds of both priors: without one, a word that the model has not seen would have no probability at all.
constexpr double kPriorMin = 1e-9;
constexpr double kPriorMax = 1e6;

struct Model {
  int topics = 0;
  double alpha = 0;
  double beta = 0;
  Vocabulary vocabulary;
  std::vector<std::int32_t> word_topic;  ///< n_wk, a row of topics for each word

  [[nodiscard]] TopicWords topic_words() const { return {word_topic, topics, beta}; }
};

/// Writes all files beside those of the model that is there before it replaces one of them. Throws
/// bosen::Error(kStorage).
void write_model(const std::string& folder, const Model& model);
/// Throws bosen::Error(kData), naming the file.
Model read_model(const std::string& folder);

/// A topic's share of all words, and its most probable words.
struct TopicSummary {
  int topic = 0;
  double share = 0;
  std::vector<std::string> words;
};

/// All topics, the largest first.
std::vector<TopicSummary> summarize(const Model& model, std::size_t words);

}  // namespace lda
