#pragma once

// A process's way to the coordinator: over TCP, or, at rank 0, directly. Owned and driven by the control thread; never
// blocks but for name look-ups.

#include <poll.h>

#include <cstdint>
#include <vector>

#include "bosen/runtime/control_protocol.h"

namespace bosen::runtime {

class CoordinatorLink {
 public:
  CoordinatorLink() = default;
  CoordinatorLink(const CoordinatorLink&) = delete;
  CoordinatorLink& operator=(const CoordinatorLink&) = delete;
  virtual ~CoordinatorLink() = default;

  /// Adds the descriptors for which serve() waits.
  virtual void watch(std::vector<pollfd>& descriptors) const = 0;
  /// When serve() is to be called at the latest.
  [[nodiscard]] virtual std::int64_t next_deadline_ns() const = 0;
  /// Does what is due. Appends what the coordinator says to this process; a loss of the coordinator too is said as
  /// Failed.
  virtual void serve(std::int64_t now_ns, std::vector<ControlMessage>& inbox) = 0;
  /// Says something to the coordinator.
  virtual void send(const ControlMessage& message, std::int64_t now_ns) = 0;
  /// Whether there is nothing left to do.
  [[nodiscard]] virtual bool ended(std::int64_t now_ns) const = 0;
};

}  // namespace bosen::runtime
