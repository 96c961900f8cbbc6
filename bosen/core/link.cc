#include "bosen/core/link.h"

#include <algorithm>
#include <limits>

namespace bosen::core {
namespace {

std::size_t block_bytes(const wire::Message& message) {
  if (const auto* update = std::get_if<wire::Update>(&message)) return update->block ? update->block->size : 0;
  if (const auto* rows = std::get_if<wire::Rows>(&message)) return rows->block ? rows->block->size : 0;
  if (const auto* data = std::get_if<wire::ChannelData>(&message)) return data->bytes ? data->bytes->size : 0;
  return 0;
}

// What the message takes while it waits, and on the wire. Small ones count too: there may be millions of them.
std::size_t counted_bytes(const wire::Message& message) {
  static_assert(sizeof(wire::Envelope) <= limits::kMessageBytes);
  std::size_t ids = 0;
  if (const auto* request = std::get_if<wire::ReadRequest>(&message)) ids = request->rows.size();
  if (const auto* unsubscribe = std::get_if<wire::Unsubscribe>(&message)) ids = unsubscribe->rows.size();
  return limits::kMessageBytes + ids * sizeof(RowId) + block_bytes(message);
}

}  // namespace

Link::Link(std::uint64_t job, std::uint32_t epoch, int peers, std::size_t window_frames)
    : job_(job),
      epoch_(epoch),
      ranked_window_bytes_(std::max(limits::kRankedWindowBytesMin,
                                    limits::kRankedWindowsBytes / static_cast<std::size_t>(std::max(1, peers)))),
      window_frames_(window_frames),
      window_bytes_(limits::kSendWindowBytesMax),
      timeout_(limits::kRetransmitNs) {}

void Link::send(wire::Envelope envelope, TimeNs now, std::vector<wire::Frame>& frames) {
  note_priority(envelope);
  if (!has_room() || waiting_ > 0) return put_off(std::move(envelope));
  transmit(std::move(envelope), now, frames);
}

// From the second priority on it matters who goes first, and that is decided as late as the network allows.
void Link::note_priority(const wire::Envelope& envelope) {
  if (is_ranked_ || block_bytes(envelope.message) == 0) return;
  is_ranked_ = envelope.priority != bulk_priority_.value_or(envelope.priority);
  bulk_priority_ = envelope.priority;
  if (is_ranked_) window_bytes_ = ranked_window_bytes_;
}

void Link::put_off(wire::Envelope envelope) {
  ++waiting_;
  waiting_bytes_ += counted_bytes(envelope.message);
  Turn turn{.generation = generation_, .low_priority = -std::int64_t{envelope.priority}};
  if (envelope.is_fence) {
    turn.low_priority = std::numeric_limits<std::int64_t>::max();
    ++generation_;
  }
  queues_[turn].push_back(std::move(envelope));
}

void Link::send_waiting(TimeNs now, std::vector<wire::Frame>& frames) {
  while (waiting_ > 0 && has_room()) {
    const auto first = queues_.begin();
    wire::Envelope envelope = std::move(first->second.front());
    first->second.pop_front();
    if (first->second.empty()) queues_.erase(first);
    --waiting_;
    waiting_bytes_ -= counted_bytes(envelope.message);
    transmit(std::move(envelope), now, frames);
  }
}

std::size_t Link::backlog_bytes() const {
  const std::size_t all = in_flight_bytes_ + waiting_bytes_;
  return all - std::min(all, limits::kSendWindowBytesMax);
}

// Where priorities differ the window may be smaller than a frame. Something has to follow such a frame, or the network
// would do nothing while its acknowledgement returns.
bool Link::has_room() const {
  std::size_t window = window_bytes_;
  if (is_ranked_ && !in_flight_.empty()) {
    const std::size_t oldest = counted_bytes(*in_flight_.front().frame.message);
    if (oldest >= window) window = std::min(oldest + window, limits::kSendWindowBytesMax);
  }
  return in_flight_.size() < window_frames_ && in_flight_bytes_ < window;
}

void Link::transmit(wire::Envelope envelope, TimeNs now, std::vector<wire::Frame>& frames) {
  const bool begins = in_flight_.empty();
  wire::Frame frame;
  frame.header = {.job = job_,
                  .epoch = epoch_,
                  .source = envelope.from,
                  .target = envelope.to,
                  .sequence = ++sent_,
                  .acknowledged = received_};
  frame.message = std::move(envelope.message);
  const std::size_t bytes = counted_bytes(*frame.message);
  unasked_bytes_ += bytes;
  if (is_ranked_ && unasked_bytes_ >= limits::kAskEveryBytes) {
    frame.header.asks = true;
    unasked_bytes_ = 0;
  }
  unconfirmed_ = 0;
  unconfirmed_bytes_ = 0;
  in_flight_bytes_ += bytes;
  in_flight_.push_back({frame, now});
  frames.push_back(std::move(frame));
  if (begins) silent_since_ = now;
}

// What is sent again too soon only lengthens its own queue: a large frame takes its time, and acknowledgements stand
// behind what the peer has to send, which may be as much as is under way here. Frames may take twice as long as they
// lately have.
TimeNs Link::patience() const {
  constexpr std::int64_t kNsPerByte = 1'000'000'000 / limits::kSlowestBytesPerS;
  const auto oldest = static_cast<std::int64_t>(counted_bytes(*in_flight_.front().frame.message));
  const auto all = static_cast<std::int64_t>(in_flight_bytes_);
  return std::max({timeout_, oldest * kNsPerByte, std::min(all * kNsPerByte, limits::kQueueWaitMaxNs),
                   std::min(2 * delay_, limits::kRetransmitMaxNs)});
}

void Link::step(wire::Frame frame, TimeNs now, std::vector<wire::Envelope>& delivered,
                std::vector<wire::Frame>& frames) {
  const std::uint64_t sequence = frame.header.sequence;
  const bool repeated = frame.header.repeated;
  const std::size_t acknowledged_bytes = acknowledge_up_to(frame.header.acknowledged, repeated, now);
  if (repeated && !frame.message) recover(sequence, frame.header.acknowledged, acknowledged_bytes, now, frames);
  send_waiting(now, frames);
  if (sequence == 0 || !frame.message) return;
  const bool asks = frame.header.asks || repeated;
  unconfirmed_bytes_ += counted_bytes(*frame.message);
  if (unconfirmed_++ == 0) acknowledge_at_ = now + limits::kAcknowledgeDelayNs;
  if (sequence == received_ + 1) {
    deliver(std::move(frame), delivered);
    while (!early_.empty() && early_.begin()->first == received_ + 1) {
      deliver(std::move(early_.begin()->second), delivered);
      early_.erase(early_.begin());
    }
  } else if (sequence > received_ && sequence <= received_ + limits::kReceiveWindowFrames) {
    early_.emplace(sequence, std::move(frame));
  }
  if (asks || unconfirmed_ >= limits::kAcknowledgeEveryFrames || unconfirmed_bytes_ >= limits::kAcknowledgeEveryBytes) {
    frames.push_back(acknowledgement());
    frames.back().header.repeated = repeated;
    if (repeated) frames.back().header.sequence = sequence;
  }
}

void Link::deliver(wire::Frame frame, std::vector<wire::Envelope>& delivered) {
  ++received_;
  delivered.push_back({frame.header.source, frame.header.target, std::move(*frame.message)});
}

std::size_t Link::acknowledge_up_to(std::uint64_t sequence, bool repeated, TimeNs now) {
  if (sequence > sent_) return 0;  // no honest peer says so
  if (in_flight_.empty() || sequence < in_flight_.front().frame.header.sequence) return 0;
  const std::size_t bytes_before = in_flight_bytes_;
  TimeNs delay = 0;
  while (!in_flight_.empty() && in_flight_.front().frame.header.sequence <= sequence) {
    in_flight_bytes_ -= counted_bytes(*in_flight_.front().frame.message);
    delay = now - in_flight_.front().sent_at;
    in_flight_.pop_front();
  }
  const std::size_t bytes = bytes_before - in_flight_bytes_;
  // Which copy of a frame has arrived that was sent twice is not known: until one arrives that was sent once, a doubled
  // time-out stays (Karn and Partridge, SIGCOMM 1987). Where all was sent again, as it was little, no harm is done.
  if (sequence > repeated_ || repeated_ == suspect_) timeout_ = limits::kRetransmitNs;
  if (repeated) {
    // Its sender had waited in vain too: who knows how long this acknowledgement has been on its way, or lost.
    if (!in_flight_.empty()) silent_since_ = std::max(silent_since_, in_flight_.front().sent_at);
    return bytes;
  }
  if (sequence > repeated_) adapt_window(sequence, delay, bytes);
  silent_since_ = now;
  return bytes;
}

// More in flight than a slow network carries in the meantime only waits there, and acknowledgements behind it. Where
// priorities differ what is urgent would wait too, so less may be in flight, and more is tried in small steps; what the
// way takes without any queue is no reason for less. Delays of frames that were sent into a larger window say nothing
// of the present one.
void Link::adapt_window(std::uint64_t sequence, TimeNs delay, std::size_t acknowledged_bytes) {
  delay_ = std::max(delay, delay_ - (delay_ - delay) / 8);
  least_delay_ = std::min(least_delay_, delay);
  const bool others_wait = waiting_ > 0;
  const TimeNs unqueued = is_ranked_ && others_wait ? least_delay_ : 0;
  const TimeNs queued = is_ranked_ && others_wait ? limits::kRankedQueueDelayNs : limits::kQueueDelayNs;
  const TimeNs most = unqueued + queued;
  if (delay > most && sequence > window_set_at_) {
    const double share = static_cast<double>(most) / static_cast<double>(delay);
    const auto bytes = static_cast<std::size_t>(share * static_cast<double>(window_bytes_));
    window_bytes_ = std::max(bytes, is_ranked_ ? ranked_window_bytes_ : limits::kSendWindowBytesMin);
    window_set_at_ = sent_;
  } else if (delay < unqueued + queued / 2 && others_wait) {
    const std::size_t more = is_ranked_ ? acknowledged_bytes / 8 : acknowledged_bytes;
    window_bytes_ = std::min(window_bytes_ + more, limits::kSendWindowBytesMax);
  }
}

// Frames keep their order in the network: what had been sent before a frame that was sent again has arrived when that
// is answered, or never will. So the next one is missing, and likely those behind it: they leave at twice the pace at
// which they arrive.
void Link::recover(std::uint64_t answered, std::uint64_t arrived, std::size_t bytes, TimeNs now,
                   std::vector<wire::Frame>& frames) {
  if (answered < repeated_from_ || answered > repeated_ || arrived >= suspect_) return;
  timeout_ = limits::kRetransmitNs;
  silent_since_ = now;
  if (arrived > repeated_) {
    repeated_ = arrived;
    repeat_bytes_ = limits::kBlockBytes;
  } else {
    repeat_bytes_ = std::min(repeat_bytes_ + 2 * bytes, limits::kSendWindowBytesMax);
  }
  if (repeat_bytes_ > 0) repeat(frames);
}

wire::Frame Link::acknowledgement() {
  unconfirmed_ = 0;
  unconfirmed_bytes_ = 0;
  wire::Frame frame;
  frame.header = {.job = job_, .epoch = epoch_, .source = {}, .target = {}, .sequence = 0, .acknowledged = received_};
  return frame;
}

void Link::tick(TimeNs now, std::vector<wire::Frame>& frames) {
  if (unconfirmed_ > 0 && now >= acknowledge_at_) frames.push_back(acknowledgement());
  if (in_flight_.empty() || now < silent_since_ + patience()) return;
  timeout_ = std::min(2 * patience(), limits::kRetransmitMaxNs);
  suspect_ = sent_;
  repeated_from_ = in_flight_.front().frame.header.sequence;
  repeated_ = repeated_from_ - 1;
  repeat_bytes_ = limits::kBlockBytes;
  repeat(frames);
  silent_since_ = now;
}

// One frame with rows goes, however large it is.
void Link::repeat(std::vector<wire::Frame>& frames) {
  bool is_first = true;
  for (auto& [frame, sent_at] : in_flight_) {
    const std::uint64_t sequence = frame.header.sequence;
    if (sequence <= repeated_) continue;
    if (sequence > suspect_) break;
    const std::size_t bytes = counted_bytes(*frame.message);
    if (!is_first && bytes > repeat_bytes_) break;
    is_first = is_first && block_bytes(*frame.message) == 0;
    repeat_bytes_ -= std::min(bytes, repeat_bytes_);
    frame.header.acknowledged = received_;
    frame.header.repeated = true;
    frames.push_back(frame);
    repeated_ = sequence;
    ++retransmissions_;
  }
}

std::optional<TimeNs> Link::deadline() const {
  TimeNs next = std::numeric_limits<TimeNs>::max();
  if (unconfirmed_ > 0) next = acknowledge_at_;
  if (!in_flight_.empty()) next = std::min(next, silent_since_ + patience());
  if (next == std::numeric_limits<TimeNs>::max()) return {};
  return next;
}

}  // namespace bosen::core
