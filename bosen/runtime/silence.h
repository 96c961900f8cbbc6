#pragma once

// Tells a peer's silence from our own: a process that was stopped or starved hears nothing either, and must not take
// the others for dead when it goes on.

#include <algorithm>
#include <cstdint>
#include <string>

#include "bosen/base/limits.h"

namespace bosen::runtime {

class StallDetector {
 public:
  explicit StallDetector(std::int64_t now_ns) : last_ns_(now_ns) {}

  /// How much of the time since the last call we were not running ourselves; 0 as long as calls come once in two
  /// heartbeats. Deadlines of silence are to be put off by so much.
  std::int64_t stalled_ns(std::int64_t now_ns) {
    const std::int64_t gap = now_ns - last_ns_;
    last_ns_ = now_ns;
    return std::max<std::int64_t>(0, gap - 2 * limits::kHeartbeatNs);
  }

 private:
  std::int64_t last_ns_;
};

/// Why a peer that is silent counts as lost.
inline std::string silence_text() {
  return "no sign of life for " + std::to_string(limits::kPeerSilenceNs / 1'000'000'000) +
         " s: it is frozen, or its host or network is down";
}

}  // namespace bosen::runtime
