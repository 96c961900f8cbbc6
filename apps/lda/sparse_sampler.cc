#include "apps/lda/sparse_sampler.h"

#include <algorithm>

namespace lda {
namespace {

void forget(Topic topic, std::vector<Topic>& topics) {
  const auto place = std::find(topics.begin(), topics.end(), topic);
  if (place == topics.end()) return;  // a stale count that was negative
  *place = topics.back();
  topics.pop_back();
}

}  // namespace

SparseSampler::SparseSampler(const Prior& prior, int topics)
    : prior_(prior),
      inverse_total_(static_cast<std::size_t>(topics)),
      document_share_(inverse_total_.size()),
      document_counts_(static_cast<std::size_t>(topics), 0) {}

void SparseSampler::sample(Slice& slice, Counts& counts, bosen::Random& random) {
  prior_sum_ = 0;
  for (std::size_t k = 0; k < inverse_total_.size(); ++k) {
    const auto total = static_cast<double>(std::max<std::int64_t>(0, counts.total[k]));
    inverse_total_[k] = 1 / (total + prior_.beta_sum());
    document_share_[k] = prior_.alpha * inverse_total_[k];
    prior_sum_ += prior_.alpha * prior_.beta * inverse_total_[k];
  }
  word_met_.assign(slice.words.size(), false);
  word_topics_.resize(std::max(word_topics_.size(), slice.words.size()));
  for (std::size_t i = 0; i < slice.documents(); ++i) {
    const std::span<Slice::Token> document = slice.document(i);
    begin_document(document);
    for (Slice::Token& token : document) {
      const std::span<std::int32_t> row = counts.row(token.word);
      std::vector<Topic>& word_topics = topics_of(token.word, counts);
      count(token.topic, -1, row, counts);
      if (row[token.topic] == 0) forget(token.topic, word_topics);
      if (document_counts_[token.topic] == 0) forget(token.topic, document_topics_);
      token.topic = draw(row, word_topics, random);
      count(token.topic, 1, row, counts);
      if (row[token.topic] == 1) word_topics.push_back(token.topic);
      if (document_counts_[token.topic] == 1) document_topics_.push_back(token.topic);
    }
    end_document(document);
  }
}

void SparseSampler::begin_document(std::span<const Slice::Token> document) {
  document_topics_.clear();
  for (const Slice::Token& token : document) {
    if (document_counts_[token.topic]++ == 0) document_topics_.push_back(token.topic);
  }
  document_sum_ = 0;
  for (const Topic k : document_topics_) {
    document_sum_ += document_counts_[k] * prior_.beta * inverse_total_[k];
    document_share_[k] = (document_counts_[k] + prior_.alpha) * inverse_total_[k];
  }
}

void SparseSampler::end_document(std::span<const Slice::Token> document) {
  for (const Slice::Token& token : document) {
    document_counts_[token.topic] = 0;
    document_share_[token.topic] = prior_.alpha * inverse_total_[token.topic];
  }
}

std::vector<Topic>& SparseSampler::topics_of(std::uint32_t word, Counts& counts) {
  std::vector<Topic>& topics = word_topics_[word];
  if (word_met_[word]) return topics;
  word_met_[word] = true;
  topics.clear();
  const std::span<const std::int32_t> row = counts.row(word);
  const auto add = [&](std::size_t k) {
    if (row[k] > 0) topics.push_back(static_cast<Topic>(k));
  };
  std::size_t k = 0;
  for (; k + 4 <= row.size(); k += 4) {  // four at a time: most words are of few topics
    if ((row[k] | row[k + 1] | row[k + 2] | row[k + 3]) == 0) continue;
    for (std::size_t i = k; i < k + 4; ++i) add(i);
  }
  for (; k < row.size(); ++k) add(k);
  return topics;
}

// The sums change only by the topic's own part.
void SparseSampler::count(Topic topic, int by, std::span<std::int32_t> row, Counts& counts) {
  double& inverse = inverse_total_[topic];
  std::int32_t& in_document = document_counts_[topic];
  prior_sum_ -= prior_.alpha * prior_.beta * inverse;
  document_sum_ -= in_document * prior_.beta * inverse;
  row[topic] += by;
  in_document += by;
  counts.total[topic] += by;
  inverse = 1 / (static_cast<double>(std::max<std::int64_t>(0, counts.total[topic])) + prior_.beta_sum());
  prior_sum_ += prior_.alpha * prior_.beta * inverse;
  document_sum_ += in_document * prior_.beta * inverse;
  document_share_[topic] = (in_document + prior_.alpha) * inverse;
}

Topic SparseSampler::draw(std::span<const std::int32_t> row, const std::vector<Topic>& word_topics,
                          bosen::Random& random) {
  weights_.resize(word_topics.size());
  const auto weigh = [&](std::size_t i) {
    const Topic k = word_topics[i];
    return weights_[i] = std::max(0, row[k]) * document_share_[k];
  };
  // Two sums, as in one each addition waits for the one before.
  double word_sum = 0;
  double other_sum = 0;
  std::size_t weighed = 0;
  for (; weighed + 2 <= word_topics.size(); weighed += 2) {
    word_sum += weigh(weighed);
    other_sum += weigh(weighed + 1);
  }
  if (weighed < word_topics.size()) word_sum += weigh(weighed);
  word_sum += other_sum;
  double place = random.uniform() * (word_sum + document_sum_ + prior_sum_);
  for (std::size_t i = 0; i < word_topics.size(); ++i) {
    if (place < weights_[i]) return word_topics[i];
    place -= weights_[i];
  }
  for (const Topic k : document_topics_) {
    const double weight = document_counts_[k] * prior_.beta * inverse_total_[k];
    if (place < weight) return k;
    place -= weight;
  }
  for (std::size_t k = 0; k < inverse_total_.size(); ++k) {
    place -= prior_.alpha * prior_.beta * inverse_total_[k];
    if (place < 0) return static_cast<Topic>(k);
  }
  return static_cast<Topic>(inverse_total_.size() - 1);  // rounding
}

}  // namespace lda
