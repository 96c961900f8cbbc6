#include "poseidon/sync/device_timeline.h"

#include <utility>

namespace poseidon {
namespace {

Timeline::Activity activity_of(DeviceTransfer::Kind kind) {
  switch (kind) {
    case DeviceTransfer::Kind::kReduce:
      return Timeline::Activity::kReduce;
    case DeviceTransfer::Kind::kBroadcast:
      return Timeline::Activity::kBroadcast;
    case DeviceTransfer::Kind::kCopy:
      break;
  }
  return Timeline::Activity::kCopy;
}

}  // namespace

DeviceTimeline::DeviceTimeline(Backend& backend, Record record, bool with_transfers)
    : backend_(backend), record_(std::move(record)), stopwatch_(backend.stopwatch()) {
  if (with_transfers) backend_.record_transfers();
}

void DeviceTimeline::begin(Timeline::Activity activity, int layer, std::int64_t iteration) {
  stopwatch_->mark();
  iteration_ = iteration;
  pending_.push_back({.activity = activity, .layer = layer, .iteration = iteration, .track = Timeline::Track::kDevice});
}

void DeviceTimeline::end() { stopwatch_->mark(); }

void DeviceTimeline::collect() {
  take_over(stopwatch_->take_past_ns());
  take_over_transfers();
}

void DeviceTimeline::collect_all() {
  backend_.synchronize();
  take_over(stopwatch_->take_all_ns());
  take_over_transfers();
}

void DeviceTimeline::take_over(const std::vector<std::int64_t>& moments_ns) {
  for (const std::int64_t moment_ns : moments_ns) {
    Timeline::Event& event = pending_.front();
    if (!has_begin_) {
      event.begin_ns = moment_ns;
      has_begin_ = true;
      continue;
    }
    event.end_ns = moment_ns;
    record_(event);
    pending_.pop_front();
    has_begin_ = false;
  }
}

void DeviceTimeline::take_over_transfers() {
  for (const DeviceTransfer& transfer : backend_.take_transfers()) {
    const bool to_host = transfer.way == Ticket::Way::kToHost;
    record_({.activity = activity_of(transfer.kind),
             .iteration = iteration_,
             .begin_ns = transfer.begin_ns,
             .end_ns = transfer.end_ns,
             .track = to_host ? Timeline::Track::kToHost : Timeline::Track::kToDevice,
             .bytes = static_cast<std::int64_t>(transfer.bytes)});
  }
}

}  // namespace poseidon
