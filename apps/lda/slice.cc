#include "apps/lda/slice.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bosen/random.h"

namespace lda {
namespace {

constexpr std::uint64_t kStartStream = 11;

Slice make_slice(const Corpus& corpus, std::span<const std::size_t> documents) {
  Slice slice;
  std::vector<Word> words;
  for (const std::size_t document : documents) {
    const auto own = corpus.document(document);
    words.insert(words.end(), own.begin(), own.end());
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  slice.words.assign(words.begin(), words.end());
  slice.document_begins.push_back(0);
  for (const std::size_t document : documents) {
    for (const Word word : corpus.document(document)) {
      const auto place = std::lower_bound(words.begin(), words.end(), word) - words.begin();
      slice.tokens.push_back({.word = static_cast<std::uint32_t>(place), .topic = 0});
    }
    slice.document_begins.push_back(slice.tokens.size());
  }
  return slice;
}

/// As many as every x86-64 and ARM64 takes at once; left to itself, g++ adds floats one by one, in their order.
constexpr std::size_t kLanes = 4;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

/// Sum of mixture[k] * (max(0, counts[k]) + beta).
float product(std::span<const float> mixture, std::span<const std::int32_t> counts, float beta) {
  Floats sums{};
  std::size_t k = 0;
  for (; k + kLanes <= mixture.size(); k += kLanes) {
    Floats shares;
    Ints lanes;
    std::memcpy(&shares, &mixture[k], sizeof shares);
    std::memcpy(&lanes, &counts[k], sizeof lanes);
    lanes &= lanes > 0;
    sums += shares * (__builtin_convertvector(lanes, Floats) + beta);
  }
  float sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
  for (; k < mixture.size(); ++k) sum += mixture[k] * (static_cast<float>(std::max(0, counts[k])) + beta);
  return sum;
}

}  // namespace

std::vector<Slice> cut_into_slices(const Corpus& corpus, int first, int count, std::int64_t slices, int topics,
                                   std::uint64_t seed) {
  std::vector<std::vector<std::size_t>> documents(static_cast<std::size_t>(slices));
  std::vector<std::size_t> tokens(documents.size(), 0);
  for (auto document = static_cast<std::size_t>(first); document < corpus.documents();
       document += static_cast<std::size_t>(count)) {
    const auto least = static_cast<std::size_t>(std::min_element(tokens.begin(), tokens.end()) - tokens.begin());
    documents[least].push_back(document);
    tokens[least] += corpus.document(document).size();
  }
  std::vector<Slice> result;
  bosen::Random random(seed, kStartStream, static_cast<std::uint64_t>(first));
  for (const auto& own : documents) {
    result.push_back(make_slice(corpus, own));
    for (Slice::Token& token : result.back().tokens) {
      token.topic = static_cast<Topic>(random.below(static_cast<std::uint64_t>(topics)));
    }
  }
  return result;
}

double log_likelihood(Slice& slice, Counts& counts, const Prior& prior) {
  const auto topics = static_cast<std::size_t>(counts.topics);
  std::vector<float> inverse_total(topics);
  for (std::size_t k = 0; k < topics; ++k) {
    const auto total = static_cast<double>(std::max<std::int64_t>(0, counts.total[k]));
    inverse_total[k] = static_cast<float>(1 / (total + prior.beta_sum()));
  }
  double sum = 0;
  std::vector<float> mixture(topics);
  for (std::size_t i = 0; i < slice.documents(); ++i) {
    const std::span<const Slice::Token> document = slice.document(i);
    std::fill(mixture.begin(), mixture.end(), static_cast<float>(prior.alpha));
    for (const Slice::Token& token : document) mixture[token.topic] += 1;
    for (std::size_t k = 0; k < topics; ++k) mixture[k] *= inverse_total[k];
    const double whole = static_cast<double>(document.size()) + prior.alpha * counts.topics;
    for (const Slice::Token& token : document) {
      const std::span<const std::int32_t> row = counts.row(token.word);
      sum += std::log(static_cast<double>(product(mixture, row, static_cast<float>(prior.beta))) / whole);
    }
  }
  return sum;
}

}  // namespace lda
