#pragma once

// Lines for people, on stderr: "mlr: ...", "mlr: warning: ...". spdlog does the work and stays behind this header.

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace bosen {

/// Writes whole lines. A cheap handle: copies write to the same place. Any thread may call it.
class Log {
 public:
  /// Every line begins with `name`, the program's, as a rule.
  explicit Log(const std::string& name);
  /// Writes to `out` instead of stderr; it has to outlive all copies.
  Log(const std::string& name, std::ostream& out);

  void info(std::string_view line);
  void warning(std::string_view line);
  void error(std::string_view line);

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace bosen
