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

/// Writes a line and its end to a file descriptor if that takes no waiting, and returns whether it did: for threads
/// that others rely on, while nobody reads what the process says. A long line is cut.
bool try_write_line(int fd, std::string_view line);

}  // namespace bosen
