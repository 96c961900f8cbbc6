#pragma once

// A program on bosen: its own flags beside the common ones, a configuration file, joining the job, errors and exit code.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "bosen/cluster.h"
#include "bosen/updater.h"

namespace bosen {

/// Where the value of a flag goes.
using OptionTarget = std::variant<bool*, int*, std::int64_t*, double*, std::string*>;

/// One flag of an app: `--name VALUE` on the command line, `name: VALUE` in the configuration file.
struct AppOption {
  std::string name;
  OptionTarget target;
  std::string help;
  bool required = false;
  double minimum = 0;  ///< of a number; only where `bounded`
  double maximum = 0;
  bool bounded = false;
};

/// A program on bosen.
///
///     int main(int argc, char** argv) {
///       int rank = 20;
///       bosen::App app("mf", "Matrix factorisation by SGD");
///       app.option("rank", &rank, "length of a factor", {.minimum = 1, .maximum = 4096});
///       return app.run(argc, argv, [&](bosen::Cluster& cluster) { ... });
///     }
class App {
 public:
  /// Range of a number, and whether the flag must be given.
  struct Rule {
    bool required = false;
    double minimum = -1e300;
    double maximum = 1e300;
  };

  App(std::string name, std::string description);

  /// Adds a flag; its default is the value that `target` holds now.
  App& option(const std::string& name, OptionTarget target, const std::string& help);
  App& option(const std::string& name, OptionTarget target, const std::string& help, const Rule& rule);

  /// Changes the defaults of the common flags, before run().
  Options& defaults() { return defaults_; }

  /// Makes an updater known by name to this program's shards, dedicated ones included.
  App& updater(const std::string& name, UpdaterFactory<float> factory);
  App& updater(const std::string& name, UpdaterFactory<double> factory);

  /// Reads flags and configuration, joins the job, runs `body` (only in processes that have workers), leaves. Returns the
  /// program's exit code; every error is one line on stderr.
  int run(int argc, char** argv, const std::function<void(Cluster&)>& body);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& description() const { return description_; }
  [[nodiscard]] const std::vector<AppOption>& options() const { return options_; }

 private:
  std::string name_;
  std::string description_;
  Options defaults_;
  std::vector<AppOption> options_;
  std::map<std::string, UpdaterFactory<float>> float_updaters_;
  std::map<std::string, UpdaterFactory<double>> double_updaters_;
};

/// A program without flags of its own.
int run(int argc, char** argv, const std::function<void(Cluster&)>& body);

}  // namespace bosen
