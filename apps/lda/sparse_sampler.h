#pragma once

#include <vector>

#include "apps/lda/sampler.h"

namespace lda {

/// Exact, in time that grows with how many topics a document and a word are of (Yao, Mimno and McCallum, Efficient
/// methods for topic model inference on streaming document collections, KDD 2009): the distribution is split into the
/// prior's part, the document's part and the word's part, and the first two change by little from token to token.
class SparseSampler final : public Sampler {
 public:
  SparseSampler(const Prior& prior, int topics);

  void sample(Slice& slice, Counts& counts, bosen::Random& random) override;

 private:
  void begin_document(std::span<const Slice::Token> document);
  void end_document(std::span<const Slice::Token> document);
  std::vector<Topic>& topics_of(std::uint32_t word, Counts& counts);
  void count(Topic topic, int by, std::span<std::int32_t> row, Counts& counts);
  Topic draw(std::span<const std::int32_t> row, const std::vector<Topic>& word_topics, bosen::Random& random);

  const Prior prior_;
  std::vector<double> inverse_total_;            ///< 1 / (n_k + V beta)
  std::vector<double> document_share_;           ///< (n_dk + alpha) / (n_k + V beta), of the document at hand
  std::vector<std::int32_t> document_counts_;    ///< n_dk of the document at hand
  std::vector<Topic> document_topics_;           ///< those that it is of
  double prior_sum_ = 0;                         ///< alpha beta / (n_k + V beta), over all topics
  double document_sum_ = 0;                      ///< n_dk beta / (n_k + V beta)
  std::vector<std::vector<Topic>> word_topics_;  ///< by word of the slice: topics that it is of
  std::vector<bool> word_met_;
  std::vector<double> weights_;
};

}  // namespace lda
