#pragma once

// A network in virtual time between the processes of a simulated job: core::Links over a transport that delays, loses,
// repeats and reorders frames and whose connections break. All from a seed.

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bosen/core/link.h"
#include "bosen/wire/codec.h"
#include "tests/support/sim_cluster.h"
#include "tests/support/sim_random.h"

namespace bosen::testing {

using core::TimeNs;

inline constexpr TimeNs kNever = std::numeric_limits<TimeNs>::max();

/// How a receiver gets the blocks of a frame.
enum class BlockTransfer {
  kCopies,   ///< private copies
  kEncodes,  ///< the same, with the whole frame written as bytes and read back
  /// References to the sender's blocks of updates. Rows are always copies, because a block counts its rows in one
  /// process's cache; but somebody else holds them for a while.
  kShares,
};

/// What goes wrong on the way.
struct FaultPlan {
  TimeNs delay_ns_min = 10'000;
  TimeNs delay_ns_max = 200'000;
  double slow = 0;          ///< share of frames that take a hundred times as long
  double loss = 0;          ///< share of frames that vanish
  double duplicate = 0;     ///< share of frames that arrive twice
  bool reorder = false;     ///< else frames of one direction keep their order, as on TCP
  TimeNs cut_every_ns = 0;  ///< a random connection breaks about so often, with all frames under way; 0: never
  BlockTransfer transfer = BlockTransfer::kCopies;
  std::size_t window_frames = limits::kSendWindowFrames;  ///< that a link has in flight: where few, priorities count
};

class SimNetwork final : public Carrier {
 public:
  using Deliver = std::function<void(Rank to, wire::Envelope envelope)>;

  SimNetwork(const std::vector<ProcessShape>& processes, const FaultPlan& faults, SimRandom random, BufferPool& pool);

  void set_deliver(Deliver deliver) { deliver_ = std::move(deliver); }

  void carry(Rank from, Rank to, wire::Envelope envelope) override;

  [[nodiscard]] TimeNs now() const { return now_; }
  void set_now(TimeNs now) { now_ = now; }
  /// When something happens next: a frame arrives, a link's deadline passes, a connection breaks.
  [[nodiscard]] TimeNs next_event() const;
  /// Lets it happen.
  void run_event();
  /// Whether nothing is under way or unacknowledged.
  [[nodiscard]] bool quiet() const;
  /// From now on nothing is lost: what was sent will arrive.
  void heal();

  /// Breaks the connection between two processes now.
  void cut(Rank a, Rank b);

  struct Counts {
    std::int64_t frames = 0;
    std::int64_t lost = 0;
    std::int64_t duplicated = 0;
    std::int64_t cuts = 0;
    std::int64_t retransmitted = 0;
  };
  [[nodiscard]] Counts counts() const;
  /// Why a frame could not be read back as it was written; empty: none.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] core::Link& link(Rank from, Rank to) { return *links_[index(from, to)]; }

 private:
  struct Flight {
    Rank from;
    Rank to;
    wire::Frame frame;
  };

  [[nodiscard]] std::size_t index(Rank from, Rank to) const {
    return static_cast<std::size_t>(from) * static_cast<std::size_t>(processes_) + static_cast<std::size_t>(to);
  }
  void transmit(Rank from, Rank to, std::vector<wire::Frame>& frames);
  void launch(Rank from, Rank to, const wire::Frame& frame);
  void arrive(Flight flight);
  void tick_due();
  void plan_cut();
  void hand_over(Flight& flight);
  void encode_and_decode(Flight& flight);

  const int processes_;
  FaultPlan faults_;
  SimRandom random_;
  BufferPool& pool_;
  wire::DecodeContext context_;
  std::map<TableId, wire::RowShape> shapes_;  // of the tables that were made
  std::string problem_;
  Deliver deliver_;
  TimeNs now_ = 1'000'000'000;
  std::vector<std::unique_ptr<core::Link>> links_;  // by (own rank, peer)
  std::vector<TimeNs> last_arrival_;                // by (from, to)
  std::map<std::pair<TimeNs, std::uint64_t>, Flight> flights_;
  std::deque<BufferRef> held_;  // rows that arrived, where memory is shared
  std::uint64_t launched_ = 0;
  TimeNs next_cut_ = kNever;
  Counts counts_;
};

}  // namespace bosen::testing
