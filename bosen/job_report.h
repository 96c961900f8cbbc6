#pragma once

// What a job tells its user: lines of progress on stderr, and events in the metrics file.

#include <initializer_list>
#include <string>
#include <utility>

#include "bosen/base/types.h"

namespace bosen {

/// Any thread.
class JobReport {
 public:
  virtual ~JobReport() = default;
  /// Measures by name that an app made at a clock.
  virtual void evaluation(Clock clock, std::initializer_list<std::pair<std::string, double>> measures) = 0;
};

}  // namespace bosen
