#include "poseidon/sync/device_timeline.h"

#include <utility>

namespace poseidon {

DeviceTimeline::DeviceTimeline(Backend& backend, Record record, bool with_copies)
    : backend_(backend), record_(std::move(record)), stopwatch_(backend.stopwatch()) {
  if (with_copies) backend_.record_copies();
}

void DeviceTimeline::begin(Timeline::Activity activity, int layer, std::int64_t iteration) {
  stopwatch_->mark();
  iteration_ = iteration;
  pending_.push_back({.activity = activity, .layer = layer, .iteration = iteration, .track = Timeline::Track::kDevice});
}

void DeviceTimeline::end() { stopwatch_->mark(); }

void DeviceTimeline::collect() {
  take_over(stopwatch_->take_past_ns());
  take_over_copies();
}

void DeviceTimeline::collect_all() {
  backend_.synchronize();
  take_over(stopwatch_->take_all_ns());
  take_over_copies();
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

void DeviceTimeline::take_over_copies() {
  for (const DeviceCopy& copy : backend_.take_copies()) {
    const bool to_host = copy.way == Ticket::Way::kToHost;
    record_({.activity = Timeline::Activity::kCopy,
             .iteration = iteration_,
             .begin_ns = copy.begin_ns,
             .end_ns = copy.end_ns,
             .track = to_host ? Timeline::Track::kToHost : Timeline::Track::kToDevice,
             .bytes = static_cast<std::int64_t>(copy.bytes)});
  }
}

}  // namespace poseidon
