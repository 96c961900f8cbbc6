#pragma once

// The seam between reading flags (app.cc) and running a job (app_run.cc), and the parts of app.cc that have tests of
// their own. Not for apps.

#include <functional>
#include <map>
#include <string>

#include "bosen/app.h"
#include "bosen/launch/environment.h"
#include "bosen/runtime/platform.h"

namespace bosen::internal {

/// What every process of the app is told.
runtime::ProcessSpec process_spec(const App& app, const Options& options);

/// Joins the job on that platform, runs `body` where this process has workers, leaves. Throws Error.
void run_process(const App& app, const Options& options, runtime::ProcessSpec spec, runtime::Platform& platform,
                 const std::function<void(Cluster&)>& body);

/// Runs this process's part of a real job. Returns the exit code; throws Error.
int run_job(const App& app, const Options& options, const launch::Placement& placement,
            const std::function<void(Cluster&)>& body);

/// Runs all of a job in the simulated cluster that a file describes (bosen/sim/sim_spec.h). Workers and seed are the
/// flags', which `bosen sim` takes from the file. Returns the exit code; throws Error.
int simulate_job(const App& app, const Options& options, const std::string& spec_file,
                 const std::function<void(Cluster&)>& body);

/// Workers and the factors by which they are slowed, from "WORKER:FACTOR,WORKER:FACTOR". Throws Error(kUsage).
std::map<WorkerId, double> parse_stragglers(const std::string& text);

/// Declares the flags of apps that make checkpoints.
void add_checkpoint_options(OptionReader& reader, Options& options);

/// Declares the flags that every app shares; they go to `options`, which has to live as long as the reader.
void add_common_options(OptionReader& reader, Options& options);

/// What the launcher's environment says, with what the flags add to it. `timeout_given` says whether --timeout was
/// named. Throws Error where flags and environment contradict each other.
launch::Placement place(launch::Placement placement, Options& options, bool timeout_given);

/// Makes the folder for results where there is none and proves that files can be written there. Throws Error(kStorage).
void prepare_output(const std::string& folder);

/// `message` on one line, free of control characters, ready for a terminal.
std::string one_line(const std::string& message);

}  // namespace bosen::internal
