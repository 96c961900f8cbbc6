#pragma once

// Sums and copies between the devices of one process: a library's on GPUs (nvidia/collective.cc), plain loops where
// tests emulate them. One for a process; its members are workers, each with a device of its own, and all ask for the
// same in the same order.

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "poseidon/backend/cuda/device.h"

namespace poseidon::cuda {

class Collective {
 public:
  enum class Kind {
    kReduce,        ///< to the owner
    kReduceForAll,  ///< whoever the owner is
    kBroadcast,     ///< from the owner
  };
  /// On the asking member's device.
  struct Part {
    float* elements = nullptr;
    std::size_t count = 0;
    int owner = 0;
  };

  virtual ~Collective() = default;
  [[nodiscard]] virtual int size() const = 0;

  /// Asks for a member's share of it, in place, on a lane of its device. Throws bosen::Error(kDevice).
  virtual void ask(int member, Device& device, Lane lane, Kind kind, std::span<const Part> parts) = 0;

  /// A member has failed and asks for nothing any more: the others' devices stop waiting for it, with whatever they
  /// have. Any thread.
  void give_up() noexcept {
    if (!given_up_.exchange(true)) release();
  }
  /// Throws bosen::Error(kDevice) after give_up.
  void expect_all() const;

 protected:
  virtual void release() noexcept = 0;

 private:
  std::atomic<bool> given_up_ = false;
};

/// Why those devices, one a member, can't have one; empty: they can.
[[nodiscard]] std::string why_no_collective(std::span<const int> devices);

/// Throws bosen::Error(kDevice).
[[nodiscard]] std::shared_ptr<Collective> make_collective(std::span<const int> devices);

/// The library and its version, for messages.
[[nodiscard]] std::string collective_library();

}  // namespace poseidon::cuda
