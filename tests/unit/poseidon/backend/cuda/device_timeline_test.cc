// What a device does beside the host, in a timeline.

#include "poseidon/sync/device_timeline.h"

#include <gtest/gtest.h>

#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon::test {
namespace {

TEST(DeviceTimeline, HasWhatWasAskedForAndTheCopiesOnTracksOfTheirOwn) {
  const BackendUnderTest under_test = make_backend_under_test();
  Backend& backend = *under_test.backend;
  ASSERT_TRUE(backend.works_beside_host());
  Timeline timeline(/*worker=*/0, {"conv1", "ip1"});
  DeviceTimeline device(
      backend, [&](const Timeline::Event& event) { timeline.add(event); }, /*with_transfers=*/true);
  const Shape shape{64};
  Tensor tensor = backend.make(TensorDescription::row_major(shape));
  const std::shared_ptr<Memory> host = backend.allocate_host(tensor.description().bytes);
  const std::span<float> numbers(reinterpret_cast<float*>(host->data()), 64);
  const std::int64_t before_ns = Timeline::now_ns();

  device.begin(Timeline::Activity::kForward, 1, 7);
  backend.fill(tensor, 3);
  device.end();
  const Ticket to_host = backend.begin_download(tensor, numbers);
  backend.await(to_host);
  const Ticket to_device = backend.begin_upload(numbers, tensor, UploadOrder::kAtOnce);
  backend.await(to_device);
  device.collect_all();

  constexpr std::int64_t kBytes = 64 * sizeof(float);
  constexpr std::int64_t kClockError_ns = 1'000'000;  // of the device's clock against the host's
  ASSERT_EQ(timeline.events().size(), 3U);
  const Timeline::Event& forward = timeline.events()[0];
  EXPECT_EQ(forward.track, Timeline::Track::kDevice);
  EXPECT_EQ(forward.activity, Timeline::Activity::kForward);
  EXPECT_EQ(forward.layer, 1);
  EXPECT_EQ(forward.iteration, 7);
  EXPECT_EQ(timeline.events()[1].track, Timeline::Track::kToHost);
  EXPECT_EQ(timeline.events()[1].bytes, kBytes);
  EXPECT_EQ(timeline.events()[2].track, Timeline::Track::kToDevice);
  EXPECT_EQ(timeline.events()[2].activity, Timeline::Activity::kCopy);
  for (const Timeline::Event& event : timeline.events()) {
    EXPECT_GE(event.begin_ns, before_ns - kClockError_ns);
    EXPECT_LE(event.begin_ns, event.end_ns);
    EXPECT_LE(event.end_ns, Timeline::now_ns() + kClockError_ns);
  }
}

}  // namespace
}  // namespace poseidon::test
