#include "apps/lda/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "apps/common/input_file.h"
#include "apps/common/npy.h"
#include "bosen/error.h"
#include "bosen/spec_node.h"

namespace lda {
namespace {

constexpr const char* kCounts = "counts.npy";
constexpr const char* kVocabulary = "vocabulary.txt";
constexpr const char* kPriors = "model.yaml";
constexpr apps::Separators kLineEnd("\r");
/// In the order in which they are replaced: read_model begins with the last.
constexpr std::array kFiles{kCounts, kVocabulary, kPriors};

std::string join(const std::string& folder, const char* name) { return folder + "/" + name; }
std::string partial(const std::string& folder, const char* name) { return join(folder, name) + ".partial"; }

void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw bosen::Error(bosen::ErrorKind::kStorage, fmt::format("cannot write '{}'", path));
}

void write_partial(const std::string& folder, const Model& model) {
  const auto words = static_cast<std::int64_t>(model.vocabulary.size());
  apps::write_npy<std::int32_t>(partial(folder, kCounts), model.word_topic, {words, model.topics});
  std::string vocabulary;
  for (const std::string& word : model.vocabulary.texts()) vocabulary += word + '\n';
  write_text(partial(folder, kVocabulary), vocabulary);
  write_text(partial(folder, kPriors),
             fmt::format("topics: {}\nalpha: {}\nbeta: {}\n", model.topics, model.alpha, model.beta));
}

void replace(const std::string& path, const std::string& by) {
  std::error_code error;
  std::filesystem::rename(by, path, error);
  if (!error) return;
  throw bosen::Error(bosen::ErrorKind::kStorage, fmt::format("cannot write '{}': {}", path, error.message()));
}

}  // namespace

void write_model(const std::string& folder, const Model& model) {
  try {
    write_partial(folder, model);
    for (const char* name : kFiles) replace(join(folder, name), partial(folder, name));
  } catch (...) {
    std::error_code ignored;
    for (const char* name : kFiles) std::filesystem::remove(partial(folder, name), ignored);
    throw;
  }
}

Model read_model(const std::string& folder) {
  Model model;
  bosen::SpecFields fields(bosen::SpecNode::read_file(join(folder, kPriors)), "model");
  model.topics = static_cast<int>(fields.integer("topics", {}, {.minimum = 1, .maximum = kTopicsMax}));
  model.alpha = fields.number("alpha", {}, {.minimum = kPriorMin, .maximum = kPriorMax});
  model.beta = fields.number("beta", {}, {.minimum = kPriorMin, .maximum = kPriorMax});
  fields.finish();
  std::vector<std::string> words;
  const std::string path = join(folder, kVocabulary);
  const std::string text = apps::read_text(path);
  apps::LineReader line(path, text);
  while (line.next()) words.emplace_back(line.word(kLineEnd));
  model.vocabulary = Vocabulary(std::move(words));
  const auto counts = apps::read_npy<std::int32_t>(join(folder, kCounts));
  if (counts.shape != std::vector<std::int64_t>{static_cast<std::int64_t>(model.vocabulary.size()), model.topics}) {
    apps::refuse_file(join(folder, kCounts), "does not fit the vocabulary and topics beside it");
  }
  model.word_topic = counts.values;
  return model;
}

std::vector<TopicSummary> summarize(const Model& model, std::size_t words) {
  const auto topics = static_cast<std::size_t>(model.topics);
  std::vector<TopicSummary> summaries(topics);
  double all = 0;
  for (std::size_t k = 0; k < topics; ++k) {
    std::vector<std::size_t> order(model.vocabulary.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto count = [&](std::size_t word) { return model.word_topic[word * topics + k]; };
    const auto shown = order.begin() + static_cast<std::ptrdiff_t>(std::min(words, order.size()));
    std::partial_sort(order.begin(), shown, order.end(),
                      [&](std::size_t a, std::size_t b) { return count(a) != count(b) ? count(a) > count(b) : a < b; });
    summaries[k].topic = static_cast<int>(k);
    for (auto word = order.begin(); word != shown && count(*word) > 0; ++word) {
      summaries[k].words.push_back(model.vocabulary.text(static_cast<Word>(*word)));
    }
    for (std::size_t word = 0; word < model.vocabulary.size(); ++word) summaries[k].share += std::max(0, count(word));
    all += summaries[k].share;
  }
  for (TopicSummary& summary : summaries) summary.share /= std::max(all, 1.0);
  std::stable_sort(summaries.begin(), summaries.end(),
                   [](const TopicSummary& a, const TopicSummary& b) { return a.share > b.share; });
  return summaries;
}

}  // namespace lda
