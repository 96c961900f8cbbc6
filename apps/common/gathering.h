#pragma once

// What all workers find in a round, added up on worker 0 in the order of the workers: the same sums give the same
// total, and nobody waits for anybody before the end, so that measuring doesn't change what staleness does.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "bosen/bosen.h"

namespace apps {

/// `Sums` travels as bytes and has `void add(const Sums&)`. Made before run_workers; one a process. Rounds count from
/// `first`, where the job goes on from a checkpoint.
template <class Sums>
class Gathering {
 public:
  Gathering(bosen::Cluster& cluster, const std::string& name, std::int64_t rounds, std::int64_t first = 0)
      : channel_(cluster.create_channel(
            name, {.capacity = static_cast<int>(std::clamp(rounds, std::int64_t{1}, kRoundsMax))})),
        round_(first) {}

  /// Any worker, once a round.
  void send(bosen::Worker& worker, std::int64_t round, const Sums& sums) const {
    static_assert(std::is_trivially_copyable_v<Sums>);
    std::array<std::byte, sizeof(Sums)> bytes{};
    std::memcpy(bytes.data(), &sums, sizeof sums);
    channel_.send(worker, 0, round, bytes);
  }

  /// Worker 0: takes what has arrived of the first round that is not whole; true where it is whole then.
  bool poll(bosen::Worker& worker) {
    while (arrived_ < worker.count()) {
      const std::optional<bosen::ChannelMessage> message = channel_.try_receive(worker, round_, arrived_);
      if (!message) return false;
      take(*message);
    }
    return true;
  }

  /// Worker 0: waits until that round is whole.
  void wait(bosen::Worker& worker) {
    while (arrived_ < worker.count()) take(channel_.receive(worker, round_, arrived_));
  }

  /// Worker 0: waits for all rounds before that one and calls `report`, which takes the sums, for each.
  template <class Report>
  void wait_until(bosen::Worker& worker, std::int64_t round, const Report& report) {
    while (round_ < round) {
      wait(worker);
      report();
    }
  }

  /// Worker 0: the sums of the round that is whole; goes on to the next.
  Sums next() {
    arrived_ = 0;
    ++round_;
    return std::exchange(total_, {});
  }

  /// The first round that was not asked for.
  [[nodiscard]] std::int64_t round() const { return round_; }

 private:
  /// Sums that may wait for worker 0: more than any memory holds.
  static constexpr std::int64_t kRoundsMax = std::numeric_limits<int>::max();

  void take(const bosen::ChannelMessage& message) {
    Sums sums;
    std::memcpy(&sums, message.bytes.data(), sizeof sums);
    total_.add(sums);
    ++arrived_;
  }

  bosen::Channel channel_;
  // Worker 0's alone.
  std::int64_t round_;
  Sums total_;
  bosen::WorkerId arrived_ = 0;  ///< workers below it have their sums in total_
};

}  // namespace apps
