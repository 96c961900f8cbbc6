#pragma once

// How the processes of a job that `bosen run` started find rank 0: rank 0 binds a port that the system picks and
// publishes its address; the others ask for it. Plain TCP, a line each way, ended by '\n', at most kMaxRendezvousLine
// bytes:
//
//   process -> bosen run   bosen VERSION JOB publish RANK HOST:PORT
//                          bosen VERSION JOB find RANK
//   bosen run -> process   ok                      the address is stored
//                          coordinator HOST:PORT   the answer to find
//                          waiting TEXT            rank 0 is not there yet; TEXT describes it; the answer follows
//                          error TEXT              the job cannot start so
//
// JOB is the token of the job; whoever does not know it is dropped without a word.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bosen/base/types.h"
#include "bosen/launch/environment.h"

namespace bosen::launch {

/// Tells `bosen run` that rank 0 listens at `address` ("host:port"). Does nothing where the placement names no
/// rendezvous, as the others then know the address. Blocks at most placement.timeout_s; throws Error.
void publish_coordinator(const Placement& placement, const std::string& address);

/// Where rank 0 listens: placement.coordinator, or else what rank 0 publishes, waiting for it at most
/// placement.timeout_s. Throws Error; on time-out the message names rank 0, its host and how long it was waited for.
std::string find_coordinator(const Placement& placement);

/// The rendezvous' memory, and what it answers; knows nothing of sockets. Single-threaded.
class RendezvousTable {
 public:
  struct Answer {
    enum class Kind {
      kDrop,   ///< a stranger, or garbage: close without a word
      kReply,  ///< send `text`, then close
      kWait,   ///< send `text`, keep open until coordinator() is known
    };
    Kind kind = Kind::kDrop;
    std::string text;  ///< a line with its end
  };

  RendezvousTable(std::string job, int size);

  /// What to answer to a line (without its end). Any bytes are safe.
  Answer handle(std::string_view line, std::chrono::steady_clock::time_point now);

  /// Empty until rank 0 has published it.
  [[nodiscard]] const std::string& coordinator() const { return coordinator_; }

  /// When a process of the job was first heard of.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> first_contact() const { return first_contact_; }

  /// Whether that rank was heard of.
  [[nodiscard]] bool has_contacted(Rank rank) const { return contacted_.at(static_cast<std::size_t>(rank)); }

  /// How rank 0 is described to those who wait for it, e.g. "rank 0 on gnode1 (pid 12)".
  void describe_rank_zero(std::string description) { rank_zero_ = std::move(description); }

 private:
  Answer publish(Rank rank, std::string_view address);

  std::string job_;
  std::vector<bool> contacted_;  ///< by rank
  std::string coordinator_;
  std::string rank_zero_ = "rank 0";
  std::optional<std::chrono::steady_clock::time_point> first_contact_;
};

}  // namespace bosen::launch
