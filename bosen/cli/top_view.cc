#include "bosen/cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "bosen/base/counted.h"
#include "bosen/base/error.h"
#include "bosen/base/json.h"

namespace bosen::cli {
namespace {

using Json = nlohmann::json;

constexpr double kLongS = 1;  // a clock of which it is worth saying how long it has taken so far

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kOrange = "\x1b[33m";
constexpr const char* kPlain = "\x1b[0m";

std::string bytes_text(double count) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (count >= 1000 && unit + 1 < std::size(kUnits)) {
    count /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", count, unit > 0 && count < 100 ? 1 : 0, kUnits[unit]);
}

std::string percent(double part, double whole) { return whole > 0 ? fmt::format("{:.0f}%", 100 * part / whole) : "-"; }

std::string list(const Json& workers) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(workers.size(), kShown); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ",", workers[i].get<int>());
  }
  return text + (workers.size() > kShown ? ",..." : "");
}

/// Writes lines, each cut at the terminal's width, as many as it has.
class Screen {
 public:
  explicit Screen(const TopStyle& style) : style_(style) {}

  void line(std::string text, const char* look = nullptr) {
    if (static_cast<int>(text.size()) > style_.columns) text.resize(static_cast<std::size_t>(style_.columns));
    text_ += look != nullptr && style_.colors ? look + text + kPlain : text;
    text_ += '\n';
    ++lines_;
  }
  [[nodiscard]] int lines_left() const { return std::max(0, style_.lines - lines_); }
  std::string take() { return std::move(text_); }

 private:
  const TopStyle& style_;
  std::string text_;
  int lines_ = 0;
};

void show_head(const Json& job, Screen& screen) {
  const auto clocks = job.at("clocks").get<std::int64_t>();
  screen.line(fmt::format("{}  {}, {:.1f} s  clock {}{}  spread {}  {}", job.at("program").get<std::string>(),
                          job.at("phase").get<std::string>(), job.at("time_s").get<double>(),
                          job.at("clock_most").get<std::int64_t>(), clocks > 0 ? fmt::format("/{}", clocks) : "",
                          job.at("clock_most").get<std::int64_t>() - job.at("clock_least").get<std::int64_t>(),
                          counted(job.at("ranks").get<int>(), "process", "processes")),
              kBold);
  if (const Json& slowest = job.at("slowest"); !slowest.is_null()) {
    screen.line(
        fmt::format("slowest: worker {} (rank {}), {:.3g} ms a clock, {:.2f} times the median; the others waited "
                    "{:.1f} s longer than it",
                    slowest.at("worker").get<int>(), slowest.at("rank").get<int>(),
                    1000 * slowest.at("compute_s").get<double>(), slowest.at("times_median").get<double>(),
                    slowest.at("others_wait_s").get<double>()),
        kOrange);
  }
  if (const Json& evaluations = job.at("evaluations"); !evaluations.empty()) {
    std::string text = fmt::format("at clock {}:", evaluations.back().at("clock").get<std::int64_t>());
    const Json measures = evaluations.back().value("measures", Json::object());
    for (const auto& [name, value] : measures.items()) {
      text += fmt::format("  {} {}", name, value.is_number() ? fmt::format("{:.4g}", value.get<double>()) : "-");
    }
    screen.line(text);
  }
}

struct WorkerLine {
  int rank = 0;
  const Json* worker = nullptr;
};

std::vector<WorkerLine> slowest_first(const Json& job) {
  std::vector<WorkerLine> workers;
  for (const Json& process : job.at("processes")) {
    for (const Json& worker : process.at("workers")) workers.push_back({process.at("rank").get<int>(), &worker});
  }
  const auto clock = [](const WorkerLine& line) { return line.worker->at("clock").get<std::int64_t>(); };
  std::stable_sort(workers.begin(), workers.end(),
                   [&](const WorkerLine& a, const WorkerLine& b) { return clock(a) < clock(b); });
  return workers;
}

std::string worker_line(const WorkerLine& line) {
  const Json& worker = *line.worker;
  const double compute_s = worker.at("compute_s").get<double>();
  const double wait_s = worker.at("wait_s").get<double>();
  const auto reads = worker.at("reads").get<double>();
  const double waiting_s = worker.at("waiting_s").get<double>();
  const double computing_s = worker.at("computing_s").get<double>();
  std::string now = worker.at("state").get<std::string>();
  if (waiting_s >= 0.1) now += fmt::format(" {:.1f} s", waiting_s);
  if (now == "computing" && computing_s >= kLongS) now += fmt::format(" {:.1f} s", computing_s);
  return fmt::format("{:>6} {:>5} {:>10} {:>8} {:>7}  {:<20} {}", worker.at("worker").get<int>(), line.rank,
                     worker.at("clock").get<std::int64_t>(), percent(wait_s, compute_s + computing_s + wait_s),
                     percent(reads - worker.at("misses").get<double>(), reads), now, list(worker.at("waits_for")));
}

std::string process_line(const Json& process) {
  std::int64_t rows = 0;
  std::int64_t handled = 0;
  std::int64_t parked = 0;
  for (const Json& shard : process.at("shards")) {
    rows += shard.at("rows").get<std::int64_t>();
    handled += shard.at("updates").get<std::int64_t>() + shard.at("reads").get<std::int64_t>();
    parked += shard.at("parked").get<std::int64_t>();
  }
  return fmt::format(
      "{:>6} {:<20} {:>9} {:>9}/s {:>9} {:>9}/s {:>7} {:>9} {:>9} {:>7}", process.at("rank").get<int>(),
      process.at("host").get<std::string>().substr(0, 20), bytes_text(process.at("bytes_sent").get<double>()),
      bytes_text(process.at("sent_per_s").get<double>()), bytes_text(process.at("bytes_received").get<double>()),
      bytes_text(process.at("received_per_s").get<double>()), process.at("shards").size(), rows, handled, parked);
}

void show_job(const Json& job, Screen& screen) {
  show_head(job, screen);
  const std::vector<WorkerLine> workers = slowest_first(job);
  const auto& processes = job.at("processes");
  // Processes get a third of what is left, workers the rest; three lines are headings and a blank.
  const int room = std::max(4, screen.lines_left() - 5);
  const auto shown_processes = std::min(processes.size(), static_cast<std::size_t>(std::max(2, room / 3)));
  const auto shown_workers =
      std::min(workers.size(), static_cast<std::size_t>(std::max(2, room - static_cast<int>(shown_processes))));
  screen.line("");
  screen.line(fmt::format("{:>6} {:>5} {:>10} {:>8} {:>7}  {:<20} {}", "worker", "rank", "clock", "waiting", "hits",
                          "now", "waits for"),
              kBold);
  for (std::size_t i = 0; i < shown_workers; ++i) {
    const bool waits = !workers[i].worker->at("waits_for").empty();
    screen.line(worker_line(workers[i]), waits ? kOrange : nullptr);
  }
  if (shown_workers < workers.size()) screen.line(fmt::format("and {} faster ones", workers.size() - shown_workers));
  screen.line(fmt::format("{:>6} {:<20} {:>9} {:>11} {:>9} {:>11} {:>7} {:>9} {:>9} {:>7}", "rank", "host", "sent", "",
                          "received", "", "shards", "rows", "messages", "parked"),
              kBold);
  for (std::size_t i = 0; i < shown_processes; ++i) screen.line(process_line(processes[i]));
  if (shown_processes < processes.size()) screen.line(fmt::format("and {} more", processes.size() - shown_processes));
}

}  // namespace

std::string render_top(std::string_view status, const TopStyle& style) {
  const Json job = parse_json(status);
  if (job.is_discarded()) throw Error(ErrorKind::kData, "the answer is no status of a bosen job (it is no JSON)");
  Screen screen(style);
  try {
    show_job(job, screen);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kData, fmt::format("the answer is no status of a bosen job ({})", error.what()));
  }
  return screen.take();
}

}  // namespace bosen::cli
