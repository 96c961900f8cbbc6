// App's part that runs a job: from its place in the job to its end.

#include <fmt/format.h>

#include <optional>

#include "bosen/app_internal.h"
#include "bosen/base/address.h"
#include "bosen/base/error.h"
#include "bosen/job_report.h"
#include "bosen/job_view.h"
#include "bosen/launch/rendezvous.h"
#include "bosen/runtime/machine_platform.h"
#include "bosen/runtime/process.h"

namespace bosen::internal {
namespace {

runtime::JobSpec job_spec(const launch::Placement& placement) {
  runtime::JobSpec job;
  job.rank = placement.rank;
  job.size = placement.size;
  job.servers = placement.servers;
  job.job = placement.job;
  job.timeout_s = placement.timeout_s;
  job.listen = placement.coordinator.empty() ? to_string(Address{placement.host, 0}) : placement.coordinator;
  job.find_coordinator = [placement] { return launch::find_coordinator(placement); };
  job.publish_coordinator = [placement](const std::string& address) {
    launch::publish_coordinator(placement, address);
  };
  return job;
}

void check_stragglers(const Options& options, int workers) {
  if (options.stragglers.empty() || options.stragglers.rbegin()->first < workers) return;
  throw Error(ErrorKind::kUsage, fmt::format("--straggler: there is no worker {}: the job's workers are 0 to {}",
                                             options.stragglers.rbegin()->first, workers - 1));
}

}  // namespace

runtime::ProcessSpec process_spec(const App& app, const Options& options) {
  runtime::ProcessSpec spec;
  spec.program = app.name();
  spec.options = options;
  const auto add_all = [&](const auto& factories) {
    for (const auto& [name, factory] : factories) spec.updaters.add(name, factory);
  };
  std::apply([&](const auto&... factories) { (add_all(factories), ...); }, app.updaters());
  return spec;
}

void run_process(const App& app, const Options& options, runtime::ProcessSpec spec, runtime::Platform& platform,
                 const std::function<void(Cluster&)>& body) {
  const bool is_first = spec.job.rank == 0;
  JobReport report(app.name(), options, platform,
                   is_first ? JobReport::Progress::kShown : JobReport::Progress::kHidden);
  if (is_first) report.check_files();
  std::optional<JobView> view;
  if (is_first && !options.monitor.empty()) view.emplace(app.name(), options.monitor, platform);
  runtime::Process process(std::move(spec), platform);
  process.on_advance([&](const runtime::WorkerContext& worker) { report.advanced(process, worker); });
  std::optional<StatusReporter> reporter;
  if (!options.monitor.empty()) reporter.emplace(process, report, view ? &*view : nullptr);
  try {
    check_stragglers(options, process.members().worker_count());
    if (!process.is_server()) {
      report.started(process, app);
      Cluster cluster(process, report);
      body(cluster);
      process.end_body();
    }
    if (is_first) report.ended(process);
    process.leave();
  } catch (const std::exception& error) {
    platform.end_begins();
    process.abort(as_error(error));
    report.failed(process);
    throw;
  }
}

int run_job(const App& app, const Options& options, const launch::Placement& placement,
            const std::function<void(Cluster&)>& body) {
  runtime::ProcessSpec spec = process_spec(app, options);
  spec.job = job_spec(placement);
  spec.host = placement.host;
  runtime::MachinePlatform platform;
  run_process(app, options, std::move(spec), platform, body);
  return 0;
}

}  // namespace bosen::internal
