#pragma once

// A program on bosen: its own flags beside the common ones, a configuration file, joining the job, errors and exit
// code.
//
//     int main(int argc, char** argv) {
//       int rank = 20;
//       std::string data;
//       bosen::App app("mf", "Matrix factorisation by SGD");
//       app.option("rank", &rank, "length of a factor", {.minimum = 1, .maximum = 4096})
//           .option("data", &data, "file of ratings", {.value_name = "FILE", .required = true});
//       return app.run(argc, argv, [&](bosen::Cluster& cluster) { ... });
//     }
//
// `--rank 30` on the command line and `rank: 30` in the file of `--config FILE` then mean the same, and the command
// line wins. The common flags (--workers, --staleness, --consistency, --output ...) fill bosen::Options; --help lists
// all.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bosen/base/config.h"
#include "bosen/cluster.h"
#include "bosen/updater.h"

namespace bosen {

/// A program on bosen. Made and run by main(), used by one thread.
class App {
 public:
  /// The name stands before every error.
  App(std::string name, std::string description);

  /// Adds a flag; its default is the value that `target` holds now. A target is a pointer to bool, int, std::int64_t,
  /// std::uint64_t, double, std::string or std::vector<std::string>, or a function that reads the text itself and
  /// throws Error(kUsage) with the reason alone. A name that is taken is refused by run().
  App& option(std::string name, OptionTarget target, std::string help, OptionRule rule = {});

  /// Adds a check of flags that depend on each other, made before anything starts, in every process that has workers.
  /// It throws Error.
  App& check(std::function<void(const Options&)> check);

  /// The app's workers call Worker::checkpoint where it is due: adds --checkpoint-every and --resume.
  App& makes_checkpoints();

  /// Changes the defaults of the common flags, before run().
  Options& defaults() { return defaults_; }

  /// Makes an updater known by name to this program's shards, dedicated ones included.
  App& updater(const std::string& name, UpdaterFactory<float> factory);
  App& updater(const std::string& name, UpdaterFactory<double> factory);
  App& updater(const std::string& name, UpdaterFactory<std::int32_t> factory);
  App& updater(const std::string& name, UpdaterFactory<std::int64_t> factory);

  /// Reads flags and configuration, joins the job, runs `body` (only in processes that have workers), leaves. Returns
  /// the program's exit code; every error is one line on stderr.
  int run(int argc, const char* const* argv, const std::function<void(Cluster&)>& body);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const AllUpdaterFactories& updaters() const { return updaters_; }

  /// Every flag with the value that it has in this run, for the metrics file. Known while `body` runs.
  [[nodiscard]] const std::vector<std::pair<std::string, ConfigValue>>& configuration() const { return configuration_; }

 private:
  int read_and_run(int argc, const char* const* argv, const std::function<void(Cluster&)>& body);

  std::string name_;
  std::string description_;
  Options defaults_;
  bool makes_checkpoints_ = false;
  std::vector<AppOption> options_;
  std::function<void(const Options&)> check_;
  AllUpdaterFactories updaters_;
  std::vector<std::pair<std::string, ConfigValue>> configuration_;
};

/// A program without flags of its own, named after its file.
int run(int argc, const char* const* argv, const std::function<void(Cluster&)>& body);

}  // namespace bosen
