#include "bosen/monitor/prometheus.h"

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <functional>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace bosen::monitor {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    c == '\n' ? text += "\\n" : text += c;
  }
  return text;
}

/// As the format spells it: a reader may refuse "-nan", which is what fmt makes of 0/0, and all other samples with it.
std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string number_text(std::integral auto value) { return std::to_string(value); }

/// Writes families one after the other: all samples of a name have to stand together.
class Writer {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }

  template <class Number>
  void sample(const Labels& labels, Number value) {
    text_ += name_;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      text_ += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].first, escaped(labels[i].second));
    }
    text_ += fmt::format("{} {}\n", labels.empty() ? "" : "}", number_text(value));
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

template <class Value>
void workers(Writer& writer, const JobStatus& status, std::string_view name, std::string_view type,
             std::string_view help, const Value& value) {
  writer.family(name, type, help);
  for (const ProcessView& process : status.processes) {
    for (const WorkerStatus& worker : process.workers) {
      writer.sample({{"worker", std::to_string(worker.worker)}, {"rank", std::to_string(process.rank)}}, value(worker));
    }
  }
}

template <class Value>
void processes(Writer& writer, const JobStatus& status, std::string_view name, std::string_view type,
               std::string_view help, const Value& value) {
  writer.family(name, type, help);
  for (const ProcessView& process : status.processes) {
    writer.sample({{"rank", std::to_string(process.rank)}, {"host", process.host}}, value(process));
  }
}

template <class Value>
void shards(Writer& writer, const JobStatus& status, std::string_view name, std::string_view type,
            std::string_view help, const Value& value) {
  writer.family(name, type, help);
  for (const ProcessView& process : status.processes) {
    for (const ShardStatus& shard : process.shards) {
      writer.sample({{"shard", std::to_string(shard.shard)}, {"rank", std::to_string(process.rank)}}, value(shard));
    }
  }
}

void write_job(Writer& writer, const JobStatus& status) {
  writer.family("bosen_job_info", "gauge", "The job's program and the version of bosen that it runs.");
  writer.sample({{"program", status.program}, {"version", status.version}}, 1);
  writer.family("bosen_job_running", "gauge", "Whether all processes have joined and the job has not ended.");
  writer.sample({}, status.phase == JobPhase::kRunning ? 1 : 0);
  writer.family("bosen_job_clock_spread", "gauge", "Clocks by which the fastest worker is ahead of the slowest.");
  writer.sample({}, status.clock_most - status.clock_least);
}

void write_workers(Writer& writer, const JobStatus& status) {
  workers(writer, status, "bosen_worker_clock", "gauge", "Clocks that the worker has finished.",
          [](const WorkerStatus& worker) { return worker.clock; });
  workers(writer, status, "bosen_worker_compute_seconds_total", "counter", "Time in which the worker computed.",
          [](const WorkerStatus& worker) { return worker.compute_s; });
  workers(writer, status, "bosen_worker_wait_seconds_total", "counter", "Time in which the worker waited.",
          [](const WorkerStatus& worker) { return worker.wait_s; });
  workers(writer, status, "bosen_worker_waiting_seconds", "gauge",
          "How long the worker has been waiting; 0: it is not.",
          [](const WorkerStatus& worker) { return worker.waiting_s; });
  workers(writer, status, "bosen_worker_reads_total", "counter", "Rows that the worker read.",
          [](const WorkerStatus& worker) { return worker.reads; });
  workers(writer, status, "bosen_worker_misses_total", "counter", "Reads that had to ask a shard.",
          [](const WorkerStatus& worker) { return worker.misses; });
}

void write_shards(Writer& writer, const JobStatus& status) {
  shards(writer, status, "bosen_shard_rows", "gauge", "Rows that live on the shard.",
         [](const ShardStatus& shard) { return shard.rows; });
  shards(writer, status, "bosen_shard_updates_total", "counter", "Messages with updates that the shard handled.",
         [](const ShardStatus& shard) { return shard.updates; });
  shards(writer, status, "bosen_shard_reads_total", "counter", "Messages with requests that the shard handled.",
         [](const ShardStatus& shard) { return shard.reads; });
  shards(writer, status, "bosen_shard_parked", "gauge", "Requests that wait for slower workers.",
         [](const ShardStatus& shard) { return shard.parked; });
}

void write_measures(Writer& writer, const JobStatus& status) {
  if (status.evaluations.empty()) return;
  const Evaluation& last = status.evaluations.back();
  writer.family("bosen_evaluation_clock", "gauge", "The clock of the app's latest evaluation.");
  writer.sample({}, last.clock);
  writer.family("bosen_evaluation", "gauge", "The app's latest measures, by name.");
  for (const auto& [name, value] : last.measures) writer.sample({{"measure", name}}, value);
}

}  // namespace

std::string to_prometheus(const JobStatus& status) {
  Writer writer;
  write_job(writer, status);
  write_workers(writer, status);
  processes(writer, status, "bosen_process_sent_bytes_total", "counter", "Bytes that the process sent to others.",
            [](const ProcessView& process) { return process.bytes_sent; });
  processes(writer, status, "bosen_process_received_bytes_total", "counter", "Bytes that the process got from others.",
            [](const ProcessView& process) { return process.bytes_received; });
  write_shards(writer, status);
  if (status.slowest) {
    writer.family("bosen_slowest_worker_times_median", "gauge",
                  "How much longer a clock the slowest worker computes than the median one, where that is notable.");
    writer.sample({{"worker", std::to_string(status.slowest->worker)}, {"rank", std::to_string(status.slowest->rank)}},
                  status.slowest->times_median);
  }
  write_measures(writer, status);
  return writer.take();
}

}  // namespace bosen::monitor
