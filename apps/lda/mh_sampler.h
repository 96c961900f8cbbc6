#pragma once

#include <vector>

#include "apps/lda/alias_table.h"
#include "apps/lda/sampler.h"

namespace lda {

/// Constant time a token: two cheap proposals in turns, each corrected by a Metropolis-Hastings step (Yuan et al.,
/// LightLDA, WWW 2015). The word's proposal (n_wk + beta) / (n_k + V beta) comes from alias tables made once a slice,
/// and so is stale; the document's, n_dk + alpha, is a look at a random token of it.
///
/// Approximate, as LightLDA is: both proposals count the token itself as of the topic that it had, which the way back
/// from a new topic would not. What many steps draw hardly depends on that. In sampler_test's corpus, with priors 0.1
/// and 0.01, how probable it is that two words are of one topic is off by up to 0.10 with one pair of proposals a
/// token, by 0.07 with two and by 0.015 with eight.
class MhSampler final : public Sampler {
 public:
  /// `steps`: pairs of proposals a token.
  MhSampler(const Prior& prior, int topics, int steps);

  void sample(Slice& slice, Counts& counts, bosen::Random& random) override;

 private:
  /// A word's part of its proposal that is not the prior's: the topics that it was of, in an alias table.
  struct WordProposal {
    AliasTable table;
    std::vector<Topic> topics;
    bool built = false;
  };

  void begin(const Slice& slice, const Counts& counts);
  WordProposal& proposal(std::uint32_t word, Counts& counts);
  void sample_document(std::span<Slice::Token> document, Counts& counts, bosen::Random& random);
  Topic propose_by_word(const WordProposal& proposal, bosen::Random& random) const;
  Topic propose_by_document(std::span<const Slice::Token> document, bosen::Random& random) const;

  const Prior prior_;
  const int topics_;
  const int steps_;
  std::vector<float> inverse_total_;      ///< 1 / (n_k + V beta), as the slice began
  std::vector<std::int32_t> word_topic_;  ///< n_wk, as the slice began
  AliasTable prior_table_;                ///< beta / (n_k + V beta), the part that all words share
  std::vector<WordProposal> proposals_;
  std::vector<float> weights_;
  std::vector<std::int32_t> document_counts_;  ///< n_dk of the document at hand
};

}  // namespace lda
