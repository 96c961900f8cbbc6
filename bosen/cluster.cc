#include "bosen/cluster.h"

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/job_report.h"
#include "bosen/runtime/process.h"

namespace bosen {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& problem) {
  throw Error(ErrorKind::kUsage, "table '" + name + "': " + problem);
}

void check_cache(const std::string& name, const TableOptions& options) {
  if (options.cache_rows < 0) refuse(name, "cache_rows must not be negative");
}

bool should_grow(const std::string& measure) {
  return measure.find("accuracy") != std::string::npos || measure.find("likelihood") != std::string::npos;
}

}  // namespace

const Options& Cluster::options() const { return process_->options(); }

Rank Cluster::rank() const { return process_->rank(); }

int Cluster::size() const { return process_->members().clients(); }

int Cluster::workers() const { return process_->members().worker_count(); }

int Cluster::local_workers() const { return process_->local_workers(); }

int Cluster::shards() const { return process_->members().shards(); }

Clock Cluster::first_clock() const { return process_->first_clock(); }

bool Cluster::is_simulated() const { return process_->platform().is_simulated(); }

template <class T>
Table<T> Cluster::create_table(const std::string& name, const TableOptions& options) {
  check_cache(name, options);
  const auto width_max = static_cast<std::int64_t>(limits::kRowBytesMax / sizeof(T));
  if (options.width < 1 || options.width > width_max) {
    refuse(name, "width is " + std::to_string(options.width) + ", it must be from 1 to " + std::to_string(width_max));
  }
  const wire::RowShape shape{RowKind::kDense, ElementTypeOf<T>::value, options.width};
  return Table<T>(process_->create_table(name, shape, options));
}

template <class T>
SparseTable<T> Cluster::create_sparse_table(const std::string& name, const TableOptions& options) {
  check_cache(name, options);
  if (options.width != 0) refuse(name, "is sparse and has no width: leave it out");
  const wire::RowShape shape{RowKind::kSparse, ElementTypeOf<T>::value, 0};
  return SparseTable<T>(process_->create_table(name, shape, options));
}

Channel Cluster::create_channel(const std::string& name, const ChannelOptions& options) {
  return Channel(process_->create_channel(name, options));
}

void Cluster::run_workers(const std::function<void(Worker&)>& body) {
  if (rank() == 0) {  // no process's workers run before all have come here
    report_->begin();
    if (const auto newest = process_->set_newer_checkpoints_aside()) report_->set_aside(*newest);
  }
  process_->run_workers([&](runtime::WorkerContext& context) {
    report_->begin();
    Worker worker(context);
    body(worker);
  });
}

void Cluster::report(Clock clock, std::initializer_list<std::pair<std::string, double>> measures) {
  report(clock, std::vector(measures));
}

void Cluster::report(Clock clock, const std::vector<std::pair<std::string, double>>& measures) {
  report_->evaluation(clock, measures);
  if (measures.empty()) return;
  const auto& [name, value] = measures.front();
  process_->measured(clock, should_grow(name) ? -value : value);
}

void Cluster::expect_clocks(Clock clocks, Clock first) {
  if (first_clock() > 0 && clocks <= first_clock()) {
    throw Error(ErrorKind::kUsage, "--resume: the checkpoint is of clock " + std::to_string(first_clock()) +
                                       ", and the job ends at clock " + std::to_string(clocks) +
                                       ": have it run longer, or go on from an earlier checkpoint");
  }
  report_->expect_clocks(clocks, first);
}

template Table<float> Cluster::create_table(const std::string&, const TableOptions&);
template Table<double> Cluster::create_table(const std::string&, const TableOptions&);
template Table<std::int32_t> Cluster::create_table(const std::string&, const TableOptions&);
template Table<std::int64_t> Cluster::create_table(const std::string&, const TableOptions&);
template SparseTable<float> Cluster::create_sparse_table(const std::string&, const TableOptions&);
template SparseTable<double> Cluster::create_sparse_table(const std::string&, const TableOptions&);
template SparseTable<std::int32_t> Cluster::create_sparse_table(const std::string&, const TableOptions&);
template SparseTable<std::int64_t> Cluster::create_sparse_table(const std::string&, const TableOptions&);

}  // namespace bosen
