#include "bosen/sim/sim_network.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "bosen/base/limits.h"
#include "bosen/wire/codec.h"
#include "bosen/wire/copy_blocks.h"

namespace bosen::sim {
namespace {

// The kind of an event stands in the lowest bits of its argument.
constexpr int kEventBits = 3;
constexpr std::uint64_t kLossStream = 0x30;
// What ZeroMQ adds to a frame: a byte of flags and eight of length for each of its parts.
constexpr std::size_t kPartHeaderBytes = 9;
constexpr double kChunkBytes = 32 << 10;

std::size_t encoded_bytes(const wire::Frame& frame) {
  const wire::EncodedFrame encoded = wire::encode(frame, wire::BlockChecksum::kNone);
  const std::size_t block = encoded.block ? encoded.block->size + kPartHeaderBytes : 0;
  return encoded.head.size() + kPartHeaderBytes + block;
}

}  // namespace

/// Passes on to the network.
class SimTransport final : public net::Transport {
 public:
  SimTransport(SimNetwork& network, Rank rank) : network_(network), rank_(rank) {}

  [[nodiscard]] std::vector<std::string> addresses() const override { return {}; }
  void connect(Rank /*peer*/, const std::string& /*address*/) override {}
  void send(Rank peer, wire::Frame frame) override { network_.send(rank_, peer, std::move(frame)); }
  /// Frames are handed to the process's network as they arrive.
  std::optional<net::ReceivedFrame> receive(std::chrono::steady_clock::time_point /*deadline*/) override { return {}; }
  void wake() override {}
  [[nodiscard]] net::TransportStatistics statistics() const override { return network_.node(rank_).statistics; }
  [[nodiscard]] const net::TrafficMeter& traffic() const override { return network_.node(rank_).traffic; }

 private:
  SimNetwork& network_;
  const Rank rank_;
};

SimNetwork::SimNetwork(Scheduler& scheduler, const SimSpec& spec)
    : scheduler_(scheduler),
      spec_(spec),
      topology_(spec.network, spec.processes()),
      pace_(spec),
      random_(spec.seed, kLossStream) {
  for (int rank = 0; rank < spec.processes(); ++rank) {
    nodes_.push_back(std::make_unique<Node>());
    nodes_.back()->timers.resize(static_cast<std::size_t>(spec.processes()));
  }
}

SimNetwork::~SimNetwork() = default;

void SimNetwork::attach(Rank rank, runtime::Network* network) { node(rank).network = network; }

void SimNetwork::cut_off(Rank rank) { node(rank).dead = true; }

std::unique_ptr<net::Transport> SimNetwork::make_transport(Rank rank) {
  return std::make_unique<SimTransport>(*this, rank);
}

void SimNetwork::send(Rank from, Rank to, wire::Frame frame) {
  const std::size_t bytes = encoded_bytes(frame);
  Node& sender = node(from);
  sender.statistics.bytes_sent += bytes;
  ++sender.statistics.frames_sent;
  sender.traffic.sent(frame.message, bytes);
  ++counts_.frames;
  counts_.bytes += bytes;
  if (frame.header.sequence != 0) plan_timer(from, to, scheduler_.now() + limits::kRetransmitNs);

  const bool lost = spec_.network.loss > 0 && random_.uniform() < spec_.network.loss;
  if (lost || sender.dead) {
    ++counts_.lost;
    return;
  }
  if (frame.message) frame.message = wire::copy_blocks(*frame.message, pool_);
  std::deque<std::uint64_t>& queue = sender.queues[to];
  if (queue.empty()) sender.turns.push_back(to);
  queue.push_back(flights_.add(
      {.from = from, .to = to, .bytes = bytes, .left = Topology::bytes_on_wire(bytes), .frame = std::move(frame)}));
  if (!sender.sending) send_chunk(from);
}

void SimNetwork::send_chunk(Rank from) {
  Node& sender = node(from);
  sender.sending = !sender.dead && !sender.turns.empty();
  if (!sender.sending) return;
  const TimeNs goes_at = pace_.goes_at(from, scheduler_.now());
  if (goes_at > scheduler_.now()) return plan(goes_at, Event::kWireFree, static_cast<std::uint64_t>(from));
  const Rank to = sender.turns.front();
  sender.turns.pop_front();
  std::deque<std::uint64_t>& queue = sender.queues[to];
  const std::uint64_t slot = queue.front();
  Flight& flight = flights_[slot];
  const double bytes = std::min(flight.left, kChunkBytes);
  flight.left -= bytes;
  const bool last = flight.left <= 0;
  if (last) queue.pop_front();
  if (!queue.empty()) sender.turns.push_back(to);
  const Passage passage = topology_.enter(from, to, bytes, scheduler_.now());
  plan(passage.first, Event::kHop, chunks_.add({.passage = passage, .flight = slot, .last = last}));
  plan(topology_.out_free_at(from), Event::kWireFree, static_cast<std::uint64_t>(from));
}

void SimNetwork::plan(TimeNs time, Event event, std::uint64_t what) {
  scheduler_.at(time, *this, what << kEventBits | static_cast<std::uint64_t>(event));
}

void SimNetwork::happen(std::uint64_t argument) {
  const std::uint64_t what = argument >> kEventBits;
  switch (static_cast<Event>(argument & ((1U << kEventBits) - 1))) {
    case Event::kWireFree:
      return send_chunk(static_cast<Rank>(what));
    case Event::kHop:
      return hop(what);
    case Event::kCameIn:
      return come_in(what);
    case Event::kHandled:
      return hand_over(what);
    case Event::kTimer:
      return run_timer(what);
  }
}

void SimNetwork::hop(std::uint64_t slot) {
  Chunk& chunk = chunks_[slot];
  if (topology_.advance(chunk.passage)) return plan(chunk.passage.first, Event::kHop, slot);
  if (chunk.last) return plan(chunk.passage.last, Event::kCameIn, slot);
  chunks_.take(slot);
}

void SimNetwork::come_in(std::uint64_t slot) {
  const Chunk whole = chunks_.take(slot);
  if (topology_.cut(whole.passage.from, whole.passage.to, scheduler_.now())) {
    flights_.take(whole.flight);
    ++counts_.lost;
    return;
  }
  // The node's processor takes one frame after the other.
  Node& receiver = node(whole.passage.to);
  const double bytes = static_cast<double>(flights_[whole.flight].bytes);
  const double work = pace_.slowness(whole.passage.to) * (spec_.network.frame_ns + spec_.network.byte_ns * bytes);
  const TimeNs begin = std::max(receiver.processor_free_at, scheduler_.now());
  receiver.processor_free_at = begin + pace_.stretched(whole.passage.to, begin, work);
  plan(receiver.processor_free_at, Event::kHandled, whole.flight);
}

void SimNetwork::hand_over(std::uint64_t slot) {
  Flight flight = flights_.take(slot);
  const Rank from = flight.from;
  const Rank to = flight.to;
  Node& receiver = node(to);
  if (receiver.dead || receiver.network == nullptr) {
    ++counts_.lost;
    return;
  }
  receiver.statistics.bytes_received += flight.bytes;
  ++receiver.statistics.frames_received;
  receiver.traffic.received(flight.frame.message, flight.bytes);
  const bool sequenced = flight.frame.header.sequence != 0;
  receiver.network->step({.peer = from, .frame = std::move(flight.frame)});
  if (sequenced) plan_timer(to, from, scheduler_.now() + limits::kAcknowledgeDelayNs);
}

// One timer a link: an earlier one is planned beside a later one, which then finds nothing to do.
void SimNetwork::plan_timer(Rank rank, Rank peer, TimeNs at) {
  Timer& timer = node(rank).timers[static_cast<std::size_t>(peer)];
  if (timer.planned && timer.at <= at) return;
  timer = {.at = at, .planned = true};
  const auto pair = static_cast<std::uint64_t>(rank) * nodes_.size() + static_cast<std::uint64_t>(peer);
  plan(at, Event::kTimer, pair);
}

void SimNetwork::run_timer(std::uint64_t pair) {
  const auto rank = static_cast<Rank>(pair / nodes_.size());
  const auto peer = static_cast<Rank>(pair % nodes_.size());
  Node& owner = node(rank);
  Timer& timer = owner.timers[static_cast<std::size_t>(peer)];
  if (!timer.planned || timer.at != scheduler_.now()) return;
  timer.planned = false;
  if (owner.dead || owner.network == nullptr) return;
  const TimeNs goes_at = pace_.goes_at(rank, scheduler_.now());
  if (goes_at > scheduler_.now()) return plan_timer(rank, peer, goes_at);
  const TimeNs next = owner.network->tick(peer);
  if (next != std::numeric_limits<TimeNs>::max()) plan_timer(rank, peer, next);
}

}  // namespace bosen::sim
