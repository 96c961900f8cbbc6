#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bosen/channel.h"
#include "bosen/options.h"
#include "bosen/table.h"
#include "bosen/worker.h"

namespace bosen {

class JobReport;
namespace runtime {
class Process;
}

/// This process's part in a job: where tables are made and workers run. Used by the thread that runs the app's body.
class Cluster {
 public:
  Cluster(runtime::Process& process, JobReport& report) : process_(&process), report_(&report) {}
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] const Options& options() const;

  /// This process's number among the processes that have workers, and how many those are.
  [[nodiscard]] Rank rank() const;
  [[nodiscard]] int size() const;
  /// Workers of the whole job, and of this process.
  [[nodiscard]] int workers() const;
  [[nodiscard]] int local_workers() const;
  /// Shards of the whole job, over which rows are spread: every so many consecutive row ids have one on each.
  [[nodiscard]] int shards() const;

  /// The clock with which workers begin: 0, or that of the checkpoint that the job goes on from.
  [[nodiscard]] Clock first_clock() const;

  /// Whether bosen sim has started the job: its hosts and times are simulated.
  [[nodiscard]] bool is_simulated() const;

  /// Makes the table of that name. Every process makes the same tables in the same order, before run_workers; a name
  /// used twice or other options than another process's throw Error(kUsage) on every process.
  template <class T>
  Table<T> create_table(const std::string& name, const TableOptions& options);
  template <class T>
  SparseTable<T> create_sparse_table(const std::string& name, const TableOptions& options = {});

  /// Makes the channel of that name between all workers of the job; the same rules as for tables. A table may have the
  /// same name.
  Channel create_channel(const std::string& name, const ChannelOptions& options = {});

  /// Runs `body` once for each worker of this process, each in its own thread, and returns when all of the job have
  /// ended. Once, and in every process that has workers. An exception of a worker ends the job and is thrown again
  /// here.
  void run_workers(const std::function<void(Worker&)>& body);

  /// Writes an `eval` event (metrics file) and a line of progress: measures by name at a clock. Any thread may call it.
  void report(Clock clock, std::initializer_list<std::pair<std::string, double>> measures);
  /// The same for measures that are known while it runs alone.
  void report(Clock clock, const std::vector<std::pair<std::string, double>>& measures);

  /// Says at which clock the app will end where --clocks doesn't, so that progress can show how far it is, and at which
  /// it begins where it goes on from an earlier run: progress and metrics then count from there, and events follow
  /// those that are in the metrics file already. Any thread; for `first`, before run_workers.
  void expect_clocks(Clock clocks, Clock first = 0);

 private:
  runtime::Process* process_;
  JobReport* report_;
};

}  // namespace bosen
