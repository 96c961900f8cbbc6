// lda: latent Dirichlet allocation by collapsed Gibbs sampling on two tables: how often each word is of each topic, and
// how many words each topic has.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/fingerprint.h"
#include "apps/common/gathering.h"
#include "apps/common/start_clock.h"
#include "apps/lda/commands.h"
#include "apps/lda/corpus.h"
#include "apps/lda/mh_sampler.h"
#include "apps/lda/model.h"
#include "apps/lda/slice.h"
#include "apps/lda/sparse_sampler.h"
#include "bosen/bosen.h"
#include "bosen/random.h"

namespace lda {
namespace {

using apps::kStartClocks;

constexpr std::uint64_t kSampleStream = 12;
constexpr std::size_t kRowsAtOnce = 4096;
constexpr std::size_t kTopicsShown = 5;
constexpr std::size_t kWordsShown = 8;
constexpr bosen::RowId kTotalsRow = 0;

struct Settings {
  CorpusOptions corpus;
  int topics = 100;
  Prior prior;
  int sweeps = 100;
  int clocks_per_sweep = 4;
  int evaluate_every = 5;
  std::string sampler = "sparse";
  int mh_steps = 2;
};

/// What a worker found in its documents. Travels as bytes.
struct Evaluation {
  double log_likelihood = 0;
  double tokens = 0;

  void add(const Evaluation& other) {
    log_likelihood += other.log_likelihood;
    tokens += other.tokens;
  }
};

struct Tables {
  bosen::Table<std::int32_t> words;   ///< a row of topics for each word
  bosen::Table<std::int64_t> totals;  ///< one row of topics
};

std::unique_ptr<Sampler> make_sampler(const Settings& settings, const Prior& prior) {
  if (settings.sampler == "mh") return std::make_unique<MhSampler>(prior, settings.topics, settings.mh_steps);
  return std::make_unique<SparseSampler>(prior, settings.topics);
}

/// Takes away what was there before; true where anything has changed.
bool subtract(std::span<std::int32_t> row, std::span<const std::int32_t> before) {
  std::int32_t changed = 0;
  for (std::size_t k = 0; k < row.size(); ++k) changed |= row[k] -= before[k];
  return changed != 0;
}

/// One worker's documents and hands.
class WorkerPart {
 public:
  WorkerPart(bosen::Worker& worker, const Tables& tables, const Corpus& corpus, const Settings& settings,
             std::uint64_t seed)
      : worker_(worker),
        tables_(tables),
        seed_(seed),
        prior_{settings.prior.alpha, settings.prior.beta, corpus.vocabulary.size()},
        slices_(cut_into_slices(corpus, worker.id(), worker.count(), settings.clocks_per_sweep, settings.topics, seed)),
        sampler_(make_sampler(settings, prior_)) {
    counts_.topics = settings.topics;
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      worker.keep(fmt::format("tokens of slice {}", i), std::span(slices_[i].tokens));
    }
  }

  /// Counts the random topics that the documents start with.
  void start() {
    for (Slice& slice : slices_) {
      counts_.word_topic.assign(slice.words.size() * topics(), 0);
      counts_.total.assign(topics(), 0);
      for (const Slice::Token& token : slice.tokens) {
        ++counts_.row(token.word)[token.topic];
        ++counts_.total[token.topic];
      }
      for (std::size_t i = 0; i < slice.words.size(); ++i) tables_.words.inc(worker_, slice.words[i], counts_.row(i));
      tables_.totals.inc(worker_, kTotalsRow, std::span<const std::int64_t>(counts_.total));
    }
    worker_.advance();
    worker_.barrier();
  }

  /// Samples a slice from copies of its words' rows, and adds what has changed.
  void sample(bosen::Clock clock) {
    Slice& slice = slices_[static_cast<std::size_t>(clock) % slices_.size()];
    const Views views = load(slice);
    const auto stream = (static_cast<std::uint64_t>(worker_.id()) << 8) + kSampleStream;
    bosen::Random random(seed_, stream, static_cast<std::uint64_t>(clock));
    sampler_->sample(slice, counts_, random);
    for (std::size_t i = 0; i < slice.words.size(); ++i) {
      const std::span<std::int32_t> row = counts_.row(i);
      if (subtract(row, views.words[i])) tables_.words.inc(worker_, slice.words[i], std::span<const std::int32_t>(row));
    }
    for (std::size_t k = 0; k < topics(); ++k) counts_.total[k] -= views.totals[k];
    tables_.totals.inc(worker_, kTotalsRow, std::span<const std::int64_t>(counts_.total));
    worker_.advance();
  }

  Evaluation evaluate() {
    Evaluation evaluation;
    for (Slice& slice : slices_) {
      load(slice);
      evaluation.log_likelihood += log_likelihood(slice, counts_, prior_);
      evaluation.tokens += static_cast<double>(slice.tokens.size());
    }
    return evaluation;
  }

 private:
  struct Views {
    std::vector<bosen::RowView<std::int32_t>> words;
    bosen::RowView<std::int64_t> totals;
  };

  [[nodiscard]] std::size_t topics() const { return static_cast<std::size_t>(counts_.topics); }

  /// Copies the rows of a slice into counts_.
  Views load(const Slice& slice) {
    Views views{.words = tables_.words.get(worker_, slice.words), .totals = tables_.totals.get(worker_, kTotalsRow)};
    counts_.word_topic.resize(slice.words.size() * topics());
    for (std::size_t i = 0; i < slice.words.size(); ++i) {
      std::copy(views.words[i].begin(), views.words[i].end(), counts_.row(i).begin());
    }
    counts_.total.assign(views.totals.begin(), views.totals.end());
    return views;
  }

  bosen::Worker& worker_;
  const Tables& tables_;
  const std::uint64_t seed_;
  const Prior prior_;
  std::vector<Slice> slices_;
  const std::unique_ptr<Sampler> sampler_;
  Counts counts_;
};

std::uint64_t fingerprint_of(const Corpus& corpus) {
  apps::Fingerprint fingerprint;
  fingerprint.add(std::span(corpus.words));
  fingerprint.add(std::span(corpus.document_begins));
  for (const std::string& word : corpus.vocabulary.texts()) fingerprint.add(word);
  return fingerprint.value();
}

/// One run of the app in one process.
class Training {
 public:
  Training(bosen::Cluster& cluster, const Settings& settings)
      : cluster_(cluster),
        settings_(settings),
        corpus_(read_corpus(settings.corpus)),
        fingerprint_(fingerprint_of(corpus_)) {
    if (static_cast<std::size_t>(cluster.workers()) > corpus_.documents()) {
      throw bosen::Error(bosen::ErrorKind::kUsage,
                         fmt::format("there are {} workers for {} documents: use fewer workers or more documents",
                                     cluster.workers(), corpus_.documents()));
    }
    clocks_ = std::int64_t{settings.sweeps} * settings.clocks_per_sweep;
    if (cluster.options().clocks > 0) clocks_ = cluster.options().clocks - kStartClocks;
    evaluate_every_ = std::int64_t{std::max(1, settings.evaluate_every)} * settings.clocks_per_sweep;
    evaluations_ = settings.evaluate_every == 0 ? 1 : (clocks_ + evaluate_every_ - 1) / evaluate_every_;
    cluster.expect_clocks(kStartClocks + clocks_);
    tables_.words = cluster.create_table<std::int32_t>("words", {.width = settings.topics});
    tables_.totals = cluster.create_table<std::int64_t>("totals", {.width = settings.topics});
    gathering_.emplace(cluster, "evaluations", evaluations_, evaluations_before(cluster.first_clock()));
    if (cluster.rank() == 0) {
      bosen::say(fmt::format("lda: {}, {} of {}\n", bosen::counted(corpus_.documents(), "document"),
                             bosen::counted(corpus_.words.size(), "word"),
                             bosen::counted(corpus_.vocabulary.size(), "kind")));
    }
  }

  void run(bosen::Worker& worker) {
    std::uint64_t fingerprint = fingerprint_;
    apps::keep_fingerprint(worker, fingerprint);
    WorkerPart part(worker, tables_, corpus_, settings_, cluster_.options().seed);
    if (worker.clock() == 0) part.start();
    std::int64_t evaluation = evaluations_before(worker.clock());
    for (bosen::Clock clock = worker.clock() - kStartClocks; clock < clocks_; ++clock) {
      if (worker.checkpoint_due()) save(worker);
      part.sample(clock);
      const bool last = clock + 1 == clocks_;
      if (last) worker.barrier();  // the last evaluation sees the work of all
      if (last || (settings_.evaluate_every > 0 && (clock + 1) % evaluate_every_ == 0)) {
        gathering_->send(worker, evaluation++, part.evaluate());
      }
      if (worker.id() == 0 && gathering_->poll(worker)) report();
    }
    if (worker.id() != 0) return;
    gathering_->wait_until(worker, evaluations_, [this] { report(); });
    read_counts(worker);
  }

  /// On rank 0.
  [[nodiscard]] Model model() const {
    return {settings_.topics, settings_.prior.alpha, settings_.prior.beta, corpus_.vocabulary, word_topic_};
  }

 private:
  /// Evaluations that workers have made when they begin a clock.
  [[nodiscard]] std::int64_t evaluations_before(bosen::Clock clock) const {
    return settings_.evaluate_every == 0 ? 0 : std::max<bosen::Clock>(clock - kStartClocks, 0) / evaluate_every_;
  }

  /// What was found before the checkpoint is reported before it: messages are in none.
  void save(bosen::Worker& worker) {
    if (worker.id() == 0) {
      gathering_->wait_until(worker, evaluations_before(worker.clock()), [this] { report(); });
    }
    worker.checkpoint();
  }

  void report() {
    const bosen::Clock clock =
        kStartClocks +
        (gathering_->round() + 1 == evaluations_ ? clocks_ : (gathering_->round() + 1) * evaluate_every_);
    const Evaluation sums = gathering_->next();
    const double per_token = sums.log_likelihood / sums.tokens;
    cluster_.report(clock, {{"log_likelihood", per_token}, {"perplexity", std::exp(-per_token)}});
  }

  void read_counts(bosen::Worker& worker) {
    for (std::size_t first = 0; first < corpus_.vocabulary.size(); first += kRowsAtOnce) {
      std::vector<bosen::RowId> rows(std::min(kRowsAtOnce, corpus_.vocabulary.size() - first));
      std::iota(rows.begin(), rows.end(), static_cast<bosen::RowId>(first));
      for (const auto& view : tables_.words.get(worker, rows)) {
        word_topic_.insert(word_topic_.end(), view.begin(), view.end());
      }
    }
  }

  bosen::Cluster& cluster_;
  const Settings settings_;
  const Corpus corpus_;
  const std::uint64_t fingerprint_;
  bosen::Clock clocks_ = 0;  ///< of sampling
  std::int64_t evaluate_every_ = 0;
  std::int64_t evaluations_ = 0;
  Tables tables_;
  std::optional<apps::Gathering<Evaluation>> gathering_;
  std::vector<std::int32_t> word_topic_;  ///< the result, a row of topics for each word
};

void declare(bosen::App& app, Settings& settings) {
  app.makes_checkpoints()
      .option("data", &settings.corpus.data,
              "text file of a document a line, folder of text files, or with --vocabulary a UCI docword file",
              {.value_name = "PATH", .required = true})
      .option("vocabulary", &settings.corpus.vocabulary, "words of a UCI bag of words, one a line",
              {.value_name = "FILE"})
      .option("stop-words", &settings.corpus.stop_words, "words to leave out, one a line", {.value_name = "FILE"})
      .option("word-count-min", &settings.corpus.word_count_min, "leave out words that occur less often",
              {.minimum = 1, .maximum = 1e9})
      .option("topics", &settings.topics, "how many topics to find", {.minimum = 1, .maximum = kTopicsMax})
      .option("alpha", &settings.prior.alpha, "prior of a topic in a document",
              {.minimum = kPriorMin, .maximum = kPriorMax})
      .option("beta", &settings.prior.beta, "prior of a word in a topic", {.minimum = kPriorMin, .maximum = kPriorMax})
      .option("sweeps", &settings.sweeps, "how often to sample every word", {.minimum = 1, .maximum = 1e6})
      .option("clocks-per-sweep", &settings.clocks_per_sweep, "clocks of a sweep", {.minimum = 1, .maximum = 1e6})
      .option("evaluate-every", &settings.evaluate_every, "sweeps between two evaluations; 0: only at the end",
              {.minimum = 0, .maximum = 1e6})
      .option("sampler", &settings.sampler,
              "exact with sparse sums, or nearly so by Metropolis-Hastings with alias tables",
              {.choices = {"sparse", "mh"}})
      .option("mh-steps", &settings.mh_steps, "pairs of proposals a word under mh; more are nearer to exact",
              {.minimum = 1, .maximum = 1000})
      .check(apps::expect_clocks_to_learn);
}

/// Writes what --output asks for; returns what to tell the user.
std::string conclude(const Model& model, const bosen::Options& options) {
  if (!options.output.empty()) write_model(options.output, model);
  std::string text;
  const std::vector<TopicSummary> topics = summarize(model, kWordsShown);
  for (std::size_t i = 0; i < std::min(kTopicsShown, topics.size()); ++i) {
    text += fmt::format("lda: topic {}, {:.1f}%: {}\n", topics[i].topic, 100 * topics[i].share,
                        fmt::join(topics[i].words, " "));
  }
  if (options.output.empty()) return text + "lda: next, keep the model: add --output results\n";
  text += fmt::format("lda: wrote {}/counts.npy, vocabulary.txt and model.yaml\n", options.output);
  return text + fmt::format("lda: next, all topics: lda topics --model {}\n", bosen::shell_word(options.output));
}

int run(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "-";
  if (!first.starts_with('-')) {
    return bosen::run_program({.name = "lda",
                               .description = "lda: what to do with a model.",
                               .commands = {{"topics", "the most probable words of every topic", show_topics},
                                            {"infer", "what topics other documents are of", infer}}},
                              argc, argv);
  }
  Settings settings;
  bosen::App app("lda",
                 "Latent Dirichlet allocation by collapsed Gibbs sampling. With a model: lda topics --help, lda infer "
                 "--help");
  declare(app, settings);
  std::string conclusion;
  const int code = app.run(argc, argv, [&](bosen::Cluster& cluster) {
    Training training(cluster, settings);
    cluster.run_workers([&](bosen::Worker& worker) { training.run(worker); });
    if (cluster.rank() == 0) conclusion = conclude(training.model(), cluster.options());
  });
  if (code == 0) bosen::say(conclusion);
  return code;
}

}  // namespace
}  // namespace lda

int main(int argc, char** argv) { return lda::run(argc, argv); }
