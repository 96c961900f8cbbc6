#pragma once

// Rank 0's part that admits the processes of a job, keeps the list of them, notices when one is gone, and lets them
// leave together. It knows nothing of sockets, threads or clocks: it is told what arrived and what time it is, and
// answers with lines to send. Owned and driven by rank 0's control thread, single-threaded. Rank 0's own process is the
// peer kSelf.
//
// Invariants: a rank has at most one seat; `start` goes out once, when all seats are taken; after `released` or
// `failed` nothing but more of the same goes out.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bosen/runtime/control_protocol.h"
#include "bosen/runtime/silence.h"

namespace bosen::runtime {

class JobCoordinator {
 public:
  /// Names a connection.
  using PeerId = std::uint64_t;
  static constexpr PeerId kSelf = 0;

  struct Options {
    std::string job;
    int size = 1;
    int servers = 0;
    std::int64_t join_timeout_ns = 60'000'000'000;
    std::string address;  ///< where it listens, for messages
  };

  /// What is to be done, in this order.
  struct Output {
    struct Send {
      std::vector<PeerId> to;
      ControlMessage message;
    };
    std::vector<Send> sends;
    std::vector<PeerId> drops;  ///< connections to close; they are forgotten already
  };

  JobCoordinator(Options options, std::int64_t now_ns);

  /// A connection was accepted.
  void connected(PeerId peer, std::int64_t now_ns, Output& output);
  void step(PeerId id, const ControlMessage& message, std::int64_t now_ns, Output& output);
  /// The connection ended: `why` says how, e.g. "connection reset".
  void closed(PeerId id, const std::string& why, std::int64_t now_ns, Output& output);
  /// What came over the connection was no message: `why` says what, e.g. "sent garbage".
  void reject(PeerId id, const std::string& why, std::int64_t now_ns, Output& output);
  /// Does what is due by now. To be called after everything that has arrived was handed over, and at least once in
  /// limits::kHeartbeatNs.
  void tick(std::int64_t now_ns, Output& output);

  /// When tick() is to be called at the latest.
  [[nodiscard]] std::int64_t next_deadline_ns() const;

  /// Whether the job is over and everybody knows it, or had the time to learn it.
  [[nodiscard]] bool finished(std::int64_t now_ns) const;

  /// Connections dropped because they did not belong to the job.
  [[nodiscard]] std::uint64_t strangers_dropped() const { return strangers_dropped_; }

 private:
  enum class Phase { kJoining, kRunning, kReleased, kFailed };
  enum class Standing {
    kStranger,  ///< has not said who it is
    kSeated,    ///< holds its rank's seat
    kTold,      ///< is of this job, but was told that it can't take part
  };
  struct Peer {
    Standing standing = Standing::kStranger;
    Rank rank = -1;
    std::int64_t since_ns = 0;
    std::int64_t heard_ns = 0;
  };
  struct Seat {
    std::optional<Member> member;
    PeerId peer = 0;
    bool done = false;
  };
  using Peers = std::map<PeerId, Peer>;  // by age, so the first stranger is the oldest

  [[nodiscard]] bool over() const { return phase_ == Phase::kReleased || phase_ == Phase::kFailed; }
  Seat& seat(Rank rank) { return seats_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] const Member* member(Rank rank) const;
  [[nodiscard]] std::vector<PeerId> seated() const;
  [[nodiscard]] std::vector<Rank> ranks_where(bool (*is_so)(const Seat&)) const;

  void hello(PeerId id, const Hello& hello, std::int64_t now_ns, Output& output);
  /// Why this process can't be of the job, and whether that ends the job; nothing where all is well.
  [[nodiscard]] std::optional<std::string> objection_to(const Hello& hello) const;
  void start(std::int64_t now_ns, Output& output);
  [[nodiscard]] std::optional<std::string> objection_to_totals() const;
  void done(Rank rank, std::int64_t now_ns, Output& output);
  static bool waits_for_end(const Seat& seat);
  /// Drops the peer; the job can't go on without it where it has a seat. `fate` completes "rank 3 (host h, pid 4) ...".
  void lose(PeerId id, const std::string& fate, std::int64_t now_ns, Output& output);
  void fail(ErrorKind kind, const std::string& cause, std::int64_t now_ns, Output& output);
  void drop_strangers(std::int64_t now_ns, Output& output);
  void find_silent(std::int64_t now_ns, Output& output);
  void say_whom_we_wait_for(std::int64_t now_ns, Output& output);
  [[nodiscard]] std::string waiting_text(std::int64_t now_ns) const;
  void fail_late_join(std::int64_t now_ns, Output& output);

  const Options options_;
  const std::int64_t started_ns_;
  Phase phase_ = Phase::kJoining;
  Failed failure_;           ///< valid in kFailed
  std::vector<Seat> seats_;  ///< by rank
  Peers peers_;
  std::set<Rank> heard_of_;      ///< ranks that have come, admitted or not
  std::int64_t over_by_ns_ = 0;  ///< once over(): when the last ones need no longer be waited for
  bool await_late_ = false;      ///< failed while some had not come yet: they are told when they come
  StallDetector stall_;
  std::int64_t heartbeat_due_ns_;
  std::int64_t waiting_since_ns_;  ///< joining: since the start; running: since the first with workers was done
  std::int64_t notice_due_ns_;
  std::uint64_t strangers_dropped_ = 0;
};

/// "rank 3", "ranks 0, 2-5 and 7"; a long list is cut.
std::string list_ranks(const std::vector<Rank>& ranks);

}  // namespace bosen::runtime
