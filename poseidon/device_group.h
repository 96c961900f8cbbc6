#pragma once

// Devices of the workers of one process, which add up and hand on numbers among themselves, not through the host. Each
// worker has its own DeviceGroup, from its backend; used by its thread. All ask for the same in the same order.

#include <span>

#include "poseidon/tensor.h"

namespace poseidon {

struct Ticket;

/// Row-major elements, alike on all devices, and the device whose they are.
struct GroupPart {
  Tensor elements;
  int owner = 0;
};

class DeviceGroup {
 public:
  virtual ~DeviceGroup() = default;
  [[nodiscard]] virtual int size() const = 0;
  /// This worker's number in it.
  [[nodiscard]] virtual int place() const = 0;

  /// Each part becomes at its owner the sum over all devices, of what they hold once all that was asked of them before
  /// is done; elsewhere it is of no use then. Downloads that are begun later show the sum.
  virtual void reduce(std::span<const GroupPart> parts) = 0;
  /// The same at all devices, whoever owns the parts; they may be used after the ticket.
  virtual Ticket reduce_for_all(std::span<const GroupPart> parts) = 0;
  /// Each part becomes on all devices what it is at its owner, after uploads that were begun before; they may be used
  /// after the ticket. Nothing that was asked for before may still use them.
  virtual Ticket hand_out(std::span<const GroupPart> parts) = 0;
};

}  // namespace poseidon
