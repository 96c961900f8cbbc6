// Process's part that waits.

#include <algorithm>
#include <cstdio>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {

void Process::wait_until(const std::function<bool()>& ready, const std::function<std::string()>& what,
                         WorkerGauge* worker) {
  const core::TimeNs start = platform_.now();
  core::TimeNs next_word = start + limits::kQuietWaitNs;
  while (!ready()) {
    const std::uint64_t ticket = waiter_->ticket();
    pump();
    if (ready()) break;
    throw_if_failed();
    if (worker != nullptr) {
      worker->waits_with.store(ticket);
      expect_somebody_goes_on(ticket, *worker, what);
    }
    waiter_->wait(ticket, next_word);
    const core::TimeNs now = platform_.now();
    if (now < next_word) continue;
    if (!workers_ran_) expect_peers_reached(now - start, what);
    std::fprintf(stderr, "rank %d: %s since %lld s%s\n", members_.rank, what().c_str(),
                 static_cast<long long>((now - start) / 1'000'000'000), describe_network_trouble().c_str());
    next_word = now + limits::kQuietWaitNs;
  }
  if (worker != nullptr) worker->waits_with.store(WorkerGauge::kGoesOn);
}

// While tables are made. Who has joined answers at once, whatever its app does: its network's thread does. Workers need
// no such bound, as their tables were made over the same connections; and later on one may be broken for a moment.
void Process::expect_peers_reached(core::TimeNs waited, const std::function<std::string()>& what) const {
  if (static_cast<double>(waited) / 1e9 < spec_.options.timeout_s) return;
  const std::string unreached = network_statistics().unreached;
  if (unreached.empty()) return;
  throw Error(ErrorKind::kTimeout,
              "rank " + std::to_string(members_.rank) + " " + what() + " since " +
                  std::to_string(waited / 1'000'000'000) + " s: " + unreached +
                  "; let firewalls pass TCP between the hosts, all ports, or set BOSEN_HOST on each to a name by which "
                  "the others reach it");
}

// In a job of one process only its workers change anything. Each has found with this ticket that it must wait, and
// whatever changes makes a new ticket: so where it still is the latest, nothing will ever change. The last of them to
// come here sees that all have. Then they all look once more, so that a job does not end for a wake-up that was missed.
void Process::expect_somebody_goes_on(std::uint64_t ticket, const WorkerGauge& own,
                                      const std::function<std::string()>& what) {
  if (network_) return;
  const auto is_stuck = [&](const WorkerGauge& gauge) {
    const std::uint64_t waits_with = gauge.waits_with.load();
    return waits_with == ticket || waits_with == WorkerGauge::kHasEnded;
  };
  if (!std::all_of(gauges_.begin(), gauges_.end(), is_stuck)) return;
  // The status thread may be at a shard that has mail for them.
  for (const LocalShard& shard : shards_) shard.actor->settle();
  client_actor_->settle();
  if (waiter_->ticket() != ticket) return;
  if (last_look_.load() != ticket) {
    waiter_->wake_all();
    last_look_.store(waiter_->ticket());
    return;
  }
  constexpr std::size_t kNamed = 8;
  std::string others;
  for (std::size_t i = 0; i < std::min(gauges_.size(), kNamed); ++i) {
    if (&gauges_[i] == &own) continue;
    others += (others.empty() ? ": worker " : ", worker ") + std::to_string(i) + " is " +
              std::string(monitor::to_string(gauges_[i].state.load(std::memory_order_relaxed)));
  }
  throw Error(ErrorKind::kUsage, what() + ", and nobody can go on" + others);
}

std::string Process::describe_network_trouble() const {
  const net::TransportStatistics network = network_statistics();
  std::string text;
  if (!network.unreached.empty()) text += " (" + network.unreached + ": is the way blocked, or the address wrong?)";
  if (network.frames_dropped > 0) {
    text += " (" + std::to_string(network.frames_dropped) + " frames dropped, the last: " + network.last_drop + ")";
  }
  if (const std::uint64_t again = network_ ? network_->sent_again() : 0; again > 0) {
    text += " (" + std::to_string(again) + " frames sent again: the network is slow, or loses them)";
  }
  return text;
}

}  // namespace bosen::runtime
