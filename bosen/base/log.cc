#include "bosen/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

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

}  // namespace bosen
