#include "poseidon/sync/bandwidth_probe.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

namespace poseidon {
namespace {

constexpr std::size_t kFirstBytes = 64 << 10;
constexpr std::size_t kGrowth = 4;
/// What a process sends at a time at most, so that hosts have the memory for it.
constexpr std::size_t kBytesMax = 32 << 20;
/// Long enough for what a message costs by itself, and for ways that begin slowly, to count for little.
constexpr double kLongEnoughS = 0.02;
constexpr int kTries = 3;

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The first workers of all processes.
class Exchange {
 public:
  Exchange(const bosen::Channel& channel, bosen::Worker& worker, const Party& party)
      : channel_(channel), worker_(worker), party_(party) {}

  [[nodiscard]] std::size_t others() const { return static_cast<std::size_t>(party_.processes - 1); }

  /// Seconds until as many bytes have gone to every other and have come from it: at the slowest, in the best of some
  /// tries, as whoever comes late, or computes beside it, is not the network.
  double time(std::size_t bytes) {
    const std::vector<std::byte> load(bytes);
    double best_s = std::numeric_limits<double>::infinity();
    for (int i = 0; i < kTries; ++i) {
      const double begin_s = now_s();
      send_all(load);
      receive_all([](const std::vector<std::byte>&) {});
      best_s = std::min(best_s, largest(now_s() - begin_s));
    }
    return best_s;
  }

 private:
  /// Of all processes' numbers.
  double largest(double own) {
    send_all(std::as_bytes(std::span(&own, 1)));
    double result = own;
    receive_all([&](const std::vector<std::byte>& bytes) {
      double other = 0;
      std::memcpy(&other, bytes.data(), std::min(sizeof other, bytes.size()));
      result = std::max(result, other);
    });
    return result;
  }

  void send_all(std::span<const std::byte> bytes) {
    ++tag_;
    for_others([&](bosen::WorkerId other) { channel_.send(worker_, other, tag_, bytes); });
  }

  template <class Take>
  void receive_all(const Take& take) {
    for_others([&](bosen::WorkerId other) { take(channel_.receive(worker_, tag_, other).bytes); });
  }

  template <class Visit>
  void for_others(const Visit& visit) {
    for (int process = 0; process < party_.processes; ++process) {
      const bosen::WorkerId first = process * party_.workers_per_process;
      if (first != worker_.id()) visit(first);
    }
  }

  const bosen::Channel& channel_;
  bosen::Worker& worker_;
  const Party& party_;
  std::int64_t tag_ = 0;
};

}  // namespace

double measure_bandwidth(const bosen::Channel& channel, bosen::Worker& worker, const Party& party) {
  if (party.processes == 1 || worker.id() % party.workers_per_process != 0) return 0;
  Exchange exchange(channel, worker, party);
  std::size_t bytes = kFirstBytes;
  double seconds = exchange.time(bytes);
  while (seconds < kLongEnoughS && bytes * kGrowth * exchange.others() <= kBytesMax) {
    bytes *= kGrowth;
    seconds = exchange.time(bytes);
  }
  return 2 * static_cast<double>(bytes * exchange.others()) / std::max(seconds, 1e-9);
}

}  // namespace poseidon
