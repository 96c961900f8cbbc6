#include "apps/lda/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "apps/lda/model.h"
#include "bosen/commands.h"

namespace lda {
namespace {

struct Flags {
  std::string model;
  int words = 10;
  CorpusOptions corpus;
  int topics = 3;
};

void add_model(bosen::OptionReader& reader, Flags& flags) {
  reader.add("lda",
             {"model", &flags.model, "folder that 'lda --output' wrote", {.value_name = "DIR", .required = true}});
}

void print_mixture(std::size_t document, std::span<const double> mixture, double perplexity, int shown) {
  std::vector<std::size_t> order(mixture.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return mixture[a] > mixture[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(shown)));
  fmt::print("{}\t{:.1f}", document, perplexity);
  for (const std::size_t topic : order) fmt::print("\t{}:{:.4f}", topic, mixture[topic]);
  fmt::print("\n");
}

}  // namespace

int show_topics(int argc, const char* const* argv) {
  Flags flags;
  bosen::OptionReader reader("lda topics", "The most probable words of every topic, the largest topic first");
  add_model(reader, flags);
  reader.add("lda", {"words", &flags.words, "words of a topic to show", {.minimum = 1, .maximum = 1e6}});
  if (!bosen::read_flags(reader, argc, argv)) return 0;
  for (const TopicSummary& topic : summarize(read_model(flags.model), static_cast<std::size_t>(flags.words))) {
    fmt::print("{:>5} {:>5.1f}%  {}\n", topic.topic, 100 * topic.share, fmt::join(topic.words, " "));
  }
  return 0;
}

int infer(int argc, const char* const* argv) {
  Flags flags;
  bosen::OptionReader reader("lda infer",
                             "What topics documents are of that the model has not seen; a line each: its "
                             "number, its perplexity, TOPIC:SHARE of its largest topics");
  add_model(reader, flags);
  reader.add("lda",
             {"data", &flags.corpus.data, "documents, as for 'lda --data'", {.value_name = "PATH", .required = true}});
  reader.add("lda", {"vocabulary", &flags.corpus.vocabulary, "words of a UCI bag of words", {.value_name = "FILE"}});
  reader.add("lda", {"topics", &flags.topics, "topics of a document to show", {.minimum = 1, .maximum = kTopicsMax}});
  if (!bosen::read_flags(reader, argc, argv)) return 0;
  const Model model = read_model(flags.model);
  const TopicWords topics = model.topic_words();
  const Corpus corpus = read_corpus(flags.corpus, model.vocabulary);
  for (std::size_t i = 0; i < corpus.documents(); ++i) {
    const std::span<const Word> document = corpus.document(i);
    const std::vector<double> mixture = fold_in(topics, document, model.alpha);
    const double perplexity =
        document.empty() ? std::numeric_limits<double>::quiet_NaN()
                         : std::exp(-log_likelihood(topics, document, mixture) / static_cast<double>(document.size()));
    print_mixture(i, mixture, perplexity, flags.topics);
  }
  return 0;
}

}  // namespace lda
