#pragma once

// The documents that a worker samples in one clock, and the counts that it samples from.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "apps/lda/corpus.h"

namespace lda {

using Topic = std::uint16_t;
inline constexpr int kTopicsMax = 65'535;

/// Documents with the words of their own, each once.
struct Slice {
  /// A word of a document and the topic that it is thought to be of.
  struct Token {
    std::uint32_t word = 0;  ///< place in `words`
    Topic topic = 0;
  };

  std::vector<std::int64_t> words;           ///< rows of the word-topic table, ascending
  std::vector<Token> tokens;                 ///< document after document
  std::vector<std::size_t> document_begins;  ///< in `tokens`, and the end of the last

  [[nodiscard]] std::size_t documents() const { return document_begins.size() - 1; }
  [[nodiscard]] std::span<Token> document(std::size_t number) {
    return std::span(tokens).subspan(document_begins[number], document_begins[number + 1] - document_begins[number]);
  }
};

/// Every count-th document from `first` on, cut into `slices` slices of about as many tokens. Tokens get random topics.
std::vector<Slice> cut_into_slices(const Corpus& corpus, int first, int count, std::int64_t slices, int topics,
                                   std::uint64_t seed);

/// How often words are of topics, as copies that a worker may change. What other workers take away meanwhile can make a
/// stale count negative for a moment; it is taken for zero then.
struct Counts {
  int topics = 0;
  std::vector<std::int32_t> word_topic;  ///< a row of topics for each word of the slice
  std::vector<std::int64_t> total;       ///< by topic, over all words of the corpus

  [[nodiscard]] std::span<std::int32_t> row(std::size_t word) {
    return std::span(word_topic).subspan(word * static_cast<std::size_t>(topics), static_cast<std::size_t>(topics));
  }
};

/// The prior, and what the model is of.
struct Prior {
  double alpha = 0.1;  ///< of a topic in a document
  double beta = 0.01;  ///< of a word in a topic
  std::size_t vocabulary = 0;

  [[nodiscard]] double beta_sum() const { return beta * static_cast<double>(vocabulary); }
};

/// Sum over a slice's tokens of log p(word | document) as the counts have it: the mean over topics of the document,
/// smoothed by alpha, of what each makes of the word, smoothed by beta.
double log_likelihood(Slice& slice, Counts& counts, const Prior& prior);

}  // namespace lda
