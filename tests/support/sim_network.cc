#include "tests/support/sim_network.h"

#include <algorithm>
#include <utility>

#include "bosen/wire/copy_blocks.h"

namespace bosen::testing {

SimNetwork::SimNetwork(const std::vector<ProcessShape>& processes, const FaultPlan& faults, SimRandom random,
                       BufferPool& pool)
    : processes_(static_cast<int>(processes.size())), faults_(faults), random_(random), pool_(pool) {
  for (int i = 0; i < processes_ * processes_; ++i)
    links_.push_back(std::make_unique<core::Link>(1, 1, 1, faults_.window_frames));
  last_arrival_.resize(links_.size(), 0);
  context_.job = 1;
  context_.epoch = 1;
  context_.processes = processes_;
  for (std::size_t rank = 0; rank < processes.size(); ++rank) {
    const auto add = [rank](std::vector<Rank>& ranks, int count) {
      ranks.insert(ranks.end(), static_cast<std::size_t>(count), static_cast<Rank>(rank));
    };
    add(context_.rank_of_worker, processes[rank].workers);
    add(context_.rank_of_shard, processes[rank].shards);
  }
  context_.workers = static_cast<int>(context_.rank_of_worker.size());
  context_.shards = static_cast<int>(context_.rank_of_shard.size());
  context_.shape_of = [this](TableId table) {
    const auto found = shapes_.find(table);
    return found == shapes_.end() ? std::nullopt : std::optional(found->second);
  };
  plan_cut();
}

void SimNetwork::plan_cut() {
  next_cut_ =
      faults_.cut_every_ns == 0 || processes_ == 1 ? kNever : now_ + random_.between(1, 2 * faults_.cut_every_ns);
}

void SimNetwork::carry(Rank from, Rank to, wire::Envelope envelope) {
  std::vector<wire::Frame> frames;
  link(from, to).send(std::move(envelope), now_, frames);
  transmit(from, to, frames);
}

void SimNetwork::transmit(Rank from, Rank to, std::vector<wire::Frame>& frames) {
  for (const wire::Frame& frame : frames) {
    ++counts_.frames;
    if (random_.chance(faults_.loss)) {
      ++counts_.lost;
      continue;
    }
    launch(from, to, frame);
    if (random_.chance(faults_.duplicate)) {
      ++counts_.duplicated;
      launch(from, to, frame);
    }
  }
}

void SimNetwork::launch(Rank from, Rank to, const wire::Frame& frame) {
  TimeNs delay = random_.between(faults_.delay_ns_min, faults_.delay_ns_max);
  if (random_.chance(faults_.slow)) delay *= 100;
  TimeNs at = now_ + delay;
  TimeNs& last = last_arrival_[index(from, to)];
  if (!faults_.reorder) at = last = std::max(at, last);
  flights_.emplace(std::pair(at, launched_++), Flight{from, to, frame});
}

TimeNs SimNetwork::next_event() const {
  TimeNs next = next_cut_;
  if (!flights_.empty()) next = std::min(next, flights_.begin()->first.first);
  for (const auto& link : links_) next = std::min(next, link->deadline().value_or(kNever));
  return next;
}

void SimNetwork::run_event() {
  if (now_ >= next_cut_) {
    const auto a = static_cast<Rank>(random_.below(processes_));
    const auto b = static_cast<Rank>((a + 1 + random_.below(processes_ - 1)) % processes_);
    cut(a, b);
    plan_cut();
    return;
  }
  if (flights_.empty() || flights_.begin()->first.first > now_) return tick_due();
  Flight flight = std::move(flights_.begin()->second);
  flights_.erase(flights_.begin());
  arrive(std::move(flight));
}

void SimNetwork::arrive(Flight flight) {
  std::vector<wire::Envelope> delivered;
  std::vector<wire::Frame> frames;
  hand_over(flight);
  if (!problem_.empty()) return;
  link(flight.to, flight.from).step(std::move(flight.frame), now_, delivered, frames);
  transmit(flight.to, flight.from, frames);
  for (wire::Envelope& envelope : delivered) deliver_(flight.to, std::move(envelope));
}

void SimNetwork::hand_over(Flight& flight) {
  std::optional<wire::Message>& message = flight.frame.message;
  if (faults_.transfer == BlockTransfer::kEncodes) return encode_and_decode(flight);
  if (!message) return;
  const bool is_rows = std::holds_alternative<wire::Rows>(*message);
  if (faults_.transfer == BlockTransfer::kCopies || is_rows) message = wire::copy_blocks(*message, pool_);
  if (faults_.transfer == BlockTransfer::kCopies || !is_rows) return;
  held_.push_back(std::get<wire::Rows>(*message).block);
  if (held_.size() > 3) held_.pop_front();
}

void SimNetwork::encode_and_decode(Flight& flight) {
  if (flight.frame.message) {
    if (const auto* create = std::get_if<wire::CreateTable>(&*flight.frame.message)) {
      shapes_[create->table] = create->spec.shape;
    }
  }
  wire::EncodedFrame bytes = wire::encode(flight.frame, wire::BlockChecksum::kCrc32c);
  context_.rank = flight.to;
  wire::Decoded decoded = wire::decode(bytes.head, wire::copy_block(bytes.block, pool_), flight.from, context_);
  if (decoded.frame) {
    flight.frame = std::move(*decoded.frame);
  } else if (problem_.empty()) {
    problem_ = "a frame can't be read back: " + decoded.problem;
  }
}

void SimNetwork::tick_due() {
  for (Rank from = 0; from < processes_; ++from) {
    for (Rank to = 0; to < processes_; ++to) {
      if (link(from, to).deadline().value_or(kNever) > now_) continue;
      std::vector<wire::Frame> frames;
      link(from, to).tick(now_, frames);
      transmit(from, to, frames);
    }
  }
}

bool SimNetwork::quiet() const {
  return flights_.empty() && std::all_of(links_.begin(), links_.end(), [](const std::unique_ptr<core::Link>& link) {
           return link->unacknowledged() == 0 && !link->deadline();
         });
}

void SimNetwork::heal() {
  faults_.loss = 0;
  next_cut_ = kNever;
}

void SimNetwork::cut(Rank a, Rank b) {
  ++counts_.cuts;
  std::erase_if(flights_, [&](const auto& entry) {
    const Flight& flight = entry.second;
    const bool dropped = (flight.from == a && flight.to == b) || (flight.from == b && flight.to == a);
    counts_.lost += dropped ? 1 : 0;
    return dropped;
  });
}

SimNetwork::Counts SimNetwork::counts() const {
  Counts counts = counts_;
  for (const auto& link : links_) counts.retransmitted += static_cast<std::int64_t>(link->retransmissions());
  return counts;
}

}  // namespace bosen::testing
