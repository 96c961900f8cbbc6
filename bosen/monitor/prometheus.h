#pragma once

#include <string>

#include "bosen/monitor/job_status.h"

namespace bosen::monitor {

/// The media type of to_prometheus().
inline constexpr const char* kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

/// The job in Prometheus's text exposition format, version 0.0.4. Times are seconds, sizes bytes.
std::string to_prometheus(const JobStatus& status);

}  // namespace bosen::monitor
