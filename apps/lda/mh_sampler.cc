#include "apps/lda/mh_sampler.h"

#include <algorithm>

namespace lda {

MhSampler::MhSampler(const Prior& prior, int topics, int steps)
    : prior_(prior),
      topics_(topics),
      steps_(steps),
      inverse_total_(static_cast<std::size_t>(topics)),
      document_counts_(static_cast<std::size_t>(topics), 0) {}

void MhSampler::sample(Slice& slice, Counts& counts, bosen::Random& random) {
  begin(slice, counts);
  for (std::size_t i = 0; i < slice.documents(); ++i) sample_document(slice.document(i), counts, random);
}

void MhSampler::begin(const Slice& slice, const Counts& counts) {
  weights_.resize(inverse_total_.size());
  for (std::size_t k = 0; k < inverse_total_.size(); ++k) {
    const auto total = static_cast<double>(std::max<std::int64_t>(0, counts.total[k]));
    inverse_total_[k] = static_cast<float>(1 / (total + prior_.beta_sum()));
    weights_[k] = static_cast<float>(prior_.beta) * inverse_total_[k];
  }
  prior_table_.build(weights_);
  word_topic_ = counts.word_topic;
  proposals_.resize(std::max(proposals_.size(), slice.words.size()));
  for (WordProposal& proposal : proposals_) proposal.built = false;
}

// Made when the word is first met, so that it costs no more than the word's tokens.
MhSampler::WordProposal& MhSampler::proposal(std::uint32_t word, Counts& counts) {
  WordProposal& proposal = proposals_[word];
  if (proposal.built) return proposal;
  proposal.built = true;
  proposal.topics.clear();
  weights_.clear();
  const std::span<const std::int32_t> row = counts.row(word);
  for (std::size_t k = 0; k < row.size(); ++k) {
    if (row[k] <= 0) continue;
    proposal.topics.push_back(static_cast<Topic>(k));
    weights_.push_back(static_cast<float>(row[k]) * inverse_total_[k]);
  }
  if (!weights_.empty()) proposal.table.build(weights_);
  return proposal;
}

Topic MhSampler::propose_by_word(const WordProposal& proposal, bosen::Random& random) const {
  const float own = proposal.topics.empty() ? 0 : proposal.table.total();
  const float prior = prior_table_.total();
  if (static_cast<float>(random.uniform()) * (own + prior) < own) return proposal.topics[proposal.table.draw(random)];
  return static_cast<Topic>(prior_table_.draw(random));
}

Topic MhSampler::propose_by_document(std::span<const Slice::Token> document, bosen::Random& random) const {
  const auto size = static_cast<double>(document.size());
  if (random.uniform() * (size + prior_.alpha * topics_) < size) return document[random.below(document.size())].topic;
  return static_cast<Topic>(random.below(static_cast<std::uint64_t>(topics_)));
}

void MhSampler::sample_document(std::span<Slice::Token> document, Counts& counts, bosen::Random& random) {
  for (const Slice::Token& token : document) ++document_counts_[token.topic];
  const auto alpha = static_cast<float>(prior_.alpha);
  const auto beta = static_cast<float>(prior_.beta);
  const auto beta_sum = static_cast<float>(prior_.beta_sum());
  for (Slice::Token& token : document) {
    const Topic old = token.topic;
    const WordProposal& by_word = proposal(token.word, counts);
    const std::span<std::int32_t> row = counts.row(token.word);
    Topic current = old;
    // Each without the token itself, which is of topic `old` in all counts.
    const auto of_word = [&](Topic k) { return static_cast<float>(std::max(0, row[k] - (k == old ? 1 : 0))) + beta; };
    const auto of_document = [&](Topic k) {
      return static_cast<float>(document_counts_[k] - (k == old ? 1 : 0)) + alpha;
    };
    const auto of_all = [&](Topic k) {
      return static_cast<float>(std::max<std::int64_t>(0, counts.total[k] - (k == old ? 1 : 0))) + beta_sum;
    };
    const std::int32_t* const stale_row = &word_topic_[std::size_t{token.word} * row.size()];
    const auto stale_word = [&](Topic k) {
      return (static_cast<float>(std::max(0, stale_row[k])) + beta) * inverse_total_[k];
    };
    const auto with_token = [&](Topic k) { return static_cast<float>(document_counts_[k]) + alpha; };
    const auto accept = [&](Topic other, float proposed_other, float proposed_current) {
      const float there = of_document(other) * of_word(other) * of_all(current) * proposed_current;
      const float here = of_document(current) * of_word(current) * of_all(other) * proposed_other;
      if (there >= here || static_cast<float>(random.uniform()) * here < there) current = other;
    };
    for (int step = 0; step < steps_; ++step) {
      const Topic by_word_topic = propose_by_word(by_word, random);
      if (by_word_topic != current) accept(by_word_topic, stale_word(by_word_topic), stale_word(current));
      const Topic by_document_topic = propose_by_document(document, random);
      if (by_document_topic != current) accept(by_document_topic, with_token(by_document_topic), with_token(current));
    }
    if (current == old) continue;
    token.topic = current;
    --document_counts_[old], ++document_counts_[current];
    --row[old], ++row[current];
    --counts.total[old], ++counts.total[current];
  }
  for (const Slice::Token& token : document) document_counts_[token.topic] = 0;
}

}  // namespace lda
