#include "bosen/base/log.h"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <climits>
#include <ostream>
#include <utility>

namespace bosen {
namespace {

std::shared_ptr<spdlog::logger> make_logger(const std::string& name, spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>(name, std::move(sink));
  logger->set_pattern("%n: %v");
  logger->flush_on(spdlog::level::info);
  return logger;
}

}  // namespace

Log::Log(const std::string& name) : logger_(make_logger(name, std::make_shared<spdlog::sinks::stderr_sink_mt>())) {}

Log::Log(const std::string& name, std::ostream& out)
    : logger_(make_logger(name, std::make_shared<spdlog::sinks::ostream_sink_mt>(out))) {}

void Log::info(std::string_view line) { logger_->info("{}", line); }
void Log::warning(std::string_view line) { logger_->warn("warning: {}", line); }
void Log::error(std::string_view line) { logger_->error("error: {}", line); }

bool try_write_line(int fd, std::string_view line) {
  pollfd output{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&output, 1, 0) <= 0 || output.revents != POLLOUT) return false;
  // A pipe that takes anything takes as much as this, at once.
  std::string text(line.substr(0, PIPE_BUF - 1));
  text += '\n';
  return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace bosen
