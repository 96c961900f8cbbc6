#pragma once

// What the runs of a sweep measured, each by itself and together over seeds.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/lab/sweep_runner.h"

namespace bosen::lab {

/// What an app measured at a clock.
struct Evaluation {
  std::int64_t clock = 0;
  double time_s = 0;
  std::vector<std::pair<std::string, double>> measures;
};

/// A run's metrics. Of a run that diverged there are evaluations alone.
struct RunResult {
  std::vector<Evaluation> evaluations;
  double wall_s = 0;
  double compute_s = 0;
  double wait_s = 0;
  double bytes_sent = 0;
  std::int64_t clocks = 0;
  std::map<std::int64_t, std::int64_t> staleness;  ///< clock differential of reads -> how often
  std::optional<double> target_s;                  ///< when the target was reached first
  std::optional<std::int64_t> target_clock;
};

/// A mean over seeds with half the width of its confidence interval of 95% (Student's t); 0 where there is one value.
struct Estimate {
  double mean = 0;
  double half_width = 0;
};
Estimate estimate(const std::vector<double>& values);

/// All seeds of one setting.
struct SettingResult {
  std::vector<std::pair<std::string, std::string>> labels;
  int runs = 0;
  int diverged = 0;
  int failed = 0;
  int reached = 0;               ///< the target
  std::vector<double> costs;     ///< by seed, of the runs that have one
  std::optional<Estimate> cost;  ///< seconds to the target, or where there is none, of the run; of those that have it
  std::optional<Estimate> waiting;  ///< share of the workers' time
  std::optional<Estimate> megabytes;
  std::optional<Estimate> last;  ///< of the target's measure, or the first measure there is
};

class SweepResults {
 public:
  /// Reads metrics.jsonl of every run that is done. A run whose file is damaged or has no end counts as failed.
  SweepResults(const SweepSpec& spec, const SweepRunner& runner);

  [[nodiscard]] const std::vector<SettingResult>& settings() const { return settings_; }

  /// What the sweep shows, a sentence for every combination of the axes but the first, whose values are compared.
  [[nodiscard]] std::vector<std::string> conclusions() const;

  /// What is wrong with runs that ended well and whose metrics can't be read, a sentence for each.
  [[nodiscard]] const std::vector<std::string>& damaged() const { return damaged_; }

  /// What is wrong where runs report measures, and the target's is not among them; else empty.
  [[nodiscard]] std::string missing_measure() const;

  /// A row an evaluation: axes, seed, how the run ended, clock, time and measures. Runs that diverged are there too.
  [[nodiscard]] std::string csv() const;
  /// Everything, for the report and for programs.
  [[nodiscard]] std::string json() const;

 private:
  void summarise();
  /// Names of all that runs have reported.
  [[nodiscard]] std::vector<std::string> measures() const;
  [[nodiscard]] std::string conclude(const std::vector<const SettingResult*>& group) const;

  const SweepSpec& spec_;
  const std::vector<SweepRun>& runs_;
  std::vector<RunOutcome> outcomes_;
  std::vector<RunResult> results_;  // by run
  std::vector<std::string> damaged_;
  std::vector<SettingResult> settings_;
  std::string measure_;  // of the target, or the first there is
};

}  // namespace bosen::lab
