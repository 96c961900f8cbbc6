#pragma once

// Sums and copies between the devices of one process: a library's on GPUs (nvidia/collective.cc), plain loops where
// tests emulate them. One for a process; its members are workers, each with a device of its own, and all ask for the
// same in the same order.
//
// Members meet on the host before each thing that they ask for, and again when all have queued it. So none takes or
// gives back memory, or does whatever else CUDA makes wait for other devices of the process, while another's device
// already waits for its share: neither wait would end.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

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

  explicit Collective(std::size_t members) : meetings_(members) {}
  virtual ~Collective() = default;
  Collective(const Collective&) = delete;
  Collective& operator=(const Collective&) = delete;

  [[nodiscard]] int size() const { return static_cast<int>(meetings_.size()); }

  /// Asks for a member's share of it, in place, on a lane of its device, when all members do. Throws
  /// bosen::Error(kDevice).
  void ask(int member, Device& device, Lane lane, Kind kind, std::span<const Part> parts);

  /// Throws bosen::Error(kDevice) where what a member has asked for will not end, or has ended without all members.
  virtual void expect_success(int member) = 0;

  /// A member has failed and asks for nothing any more: the others' devices stop waiting for it, with whatever they
  /// have. Any thread.
  void give_up() noexcept {
    if (!given_up_.exchange(true)) release();
  }

 protected:
  /// Throws bosen::Error(kDevice) after give_up.
  void expect_all() const;
  /// Waits until all members are here, or throws as expect_all does: as long as their devices would wait for each
  /// other.
  void meet(int member);

  /// Queues a member's share; all members are about to.
  virtual void queue(int member, Device& device, Lane lane, Kind kind, std::span<const Part> parts) = 0;
  virtual void release() noexcept = 0;

 private:
  std::atomic<bool> given_up_ = false;
  std::atomic<std::uint64_t> arrivals_ = 0;  ///< at all meetings; what a member did before it, others see after
  std::vector<std::uint64_t> meetings_;      ///< of each member, used by its thread
};

/// Why those devices, one a member, can't have one; empty: they can.
[[nodiscard]] std::string why_no_collective(std::span<const int> devices);

/// Throws bosen::Error(kDevice).
[[nodiscard]] std::shared_ptr<Collective> make_collective(std::span<const int> devices);

/// The library and its version, for messages.
[[nodiscard]] std::string collective_library();

}  // namespace poseidon::cuda
