// Devices of one process that add up among themselves, a thread each: as many as there are, one at least.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "bosen/error.h"
#include "poseidon/device_group.h"
#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon {
namespace {

using testing::Each;
using testing::HasSubstr;

constexpr std::int64_t kElements = 1000;

/// Calls `body` in a thread of each member's.
void run_members(test::GroupUnderTest& group, int members, const std::function<void(Backend&)>& body) {
  std::vector<std::thread> threads;
  for (int place = 0; place < members; ++place) {
    threads.emplace_back([&, place] {
      const test::BackendUnderTest member = group.join(place);
      body(*member.backend);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

/// A vector of the device's, all `value`.
Tensor filled(Backend& backend, float value) {
  Tensor tensor = backend.make(TensorDescription::row_major({kElements}));
  backend.fill(tensor, value);
  return tensor;
}

/// A quarter for the first member and the rest for the last.
std::vector<GroupPart> two_parts(const Tensor& tensor, int members) {
  constexpr std::int64_t kFirst = kElements / 4;
  return {{tensor.part({kFirst}, 0), 0}, {tensor.part({kElements - kFirst}, kFirst), members - 1}};
}

/// Pinned memory, so that copies are made beside the computation.
class HostVector {
 public:
  HostVector(Backend& backend, std::int64_t elements)
      : memory_(backend.allocate_host(static_cast<std::size_t>(elements) * sizeof(float))),
        values_(reinterpret_cast<float*>(memory_->data()), static_cast<std::size_t>(elements)) {}
  [[nodiscard]] std::span<float> values() const { return values_; }

 private:
  std::shared_ptr<Memory> memory_;
  std::span<float> values_;
};

class GroupTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    auto groups = test::make_groups_under_test(1, GetParam());
    if (groups.empty()) GTEST_SKIP() << "there are not as many GPUs, or no NCCL";
    group_ = std::move(groups[0]);
  }
  /// Of what members fill theirs with: 1, 2, ...
  [[nodiscard]] static float sum() { return static_cast<float>(GetParam() * (GetParam() + 1) / 2); }

  std::unique_ptr<test::GroupUnderTest> group_;
};

TEST_P(GroupTest, BringsSumsToTheirOwnersBeforeTheirDownloads) {
  run_members(*group_, GetParam(), [&](Backend& backend) {
    DeviceGroup& group = *backend.group();
    const Tensor tensor = filled(backend, static_cast<float>(group.place() + 1));
    const std::vector<GroupPart> parts = two_parts(tensor, group.size());
    group.reduce(parts);
    for (const GroupPart& part : parts) {
      if (part.owner != group.place()) continue;
      const HostVector host(backend, part.elements.count());
      backend.await(backend.begin_download(part.elements, host.values()));
      EXPECT_THAT(host.values(), Each(sum()));
    }
  });
}

TEST_P(GroupTest, BringsSumsToAll) {
  run_members(*group_, GetParam(), [&](Backend& backend) {
    DeviceGroup& group = *backend.group();
    Tensor tensor = filled(backend, static_cast<float>(group.place() + 1));
    const std::vector<GroupPart> parts = two_parts(tensor, group.size());
    backend.follow(group.reduce_for_all(parts));
    backend.add_scaled(1, filled(backend, 1), tensor);  // comes after
    std::vector<float> values(kElements);
    backend.download(tensor, values);
    EXPECT_THAT(values, Each(sum() + 1));
  });
}

TEST_P(GroupTest, HandsOutWhatItsOwnersHaveUploaded) {
  run_members(*group_, GetParam(), [&](Backend& backend) {
    DeviceGroup& group = *backend.group();
    const Tensor tensor = filled(backend, -1);
    std::vector<GroupPart> parts = two_parts(tensor, group.size());
    backend.synchronize();
    std::vector<HostVector> hosts;
    for (GroupPart& part : parts) {
      if (part.owner != group.place()) continue;
      hosts.emplace_back(backend, part.elements.count());
      std::ranges::fill(hosts.back().values(), 7.0F);
      (void)backend.begin_upload(hosts.back().values(), part.elements, UploadOrder::kAtOnce);
    }
    backend.follow(group.hand_out(parts));
    std::vector<float> values(kElements);
    backend.download(tensor, values);
    EXPECT_THAT(values, Each(7.0F));
  });
}

TEST_P(GroupTest, RemembersWhatWasMoved) {
  run_members(*group_, GetParam(), [&](Backend& backend) {
    DeviceGroup& group = *backend.group();
    const Tensor tensor = filled(backend, 1);
    const std::vector<GroupPart> parts = two_parts(tensor, group.size());
    backend.record_transfers();
    group.reduce(parts);
    backend.await(group.reduce_for_all(parts));
    backend.await(group.hand_out(parts));
    std::vector<DeviceTransfer> transfers = backend.take_transfers();
    ASSERT_EQ(transfers.size(), 3U);
    for (const DeviceTransfer& transfer : transfers) {
      EXPECT_EQ(transfer.bytes, kElements * sizeof(float));
      EXPECT_LE(transfer.begin_ns, transfer.end_ns);
    }
    EXPECT_EQ(transfers[1].kind, DeviceTransfer::Kind::kReduce);
    EXPECT_EQ(transfers[1].way, Ticket::Way::kToHost);
    EXPECT_EQ(transfers[2].kind, DeviceTransfer::Kind::kBroadcast);
    EXPECT_EQ(transfers[2].way, Ticket::Way::kToDevice);
  });
}

TEST_P(GroupTest, MeetsOnTheHostBeforeItsDevicesWaitForEachOther) {
  constexpr int kRounds = 50;
  std::atomic<int> preparations = 0;  // which might take memory
  run_members(*group_, GetParam(), [&](Backend& backend) {
    const Tensor tensor = filled(backend, 1);
    const std::vector<GroupPart> parts = two_parts(tensor, GetParam());
    for (int round = 1; round <= kRounds; ++round) {
      ++preparations;
      backend.follow(backend.group()->reduce_for_all(parts));
      EXPECT_GE(preparations, round * GetParam());
    }
  });
}

/// That `work` fails, as another worker has.
void expect_given_up(const std::function<void()>& work) {
  try {
    work();
    ADD_FAILURE() << "nobody has failed";
  } catch (const bosen::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another worker of this process has failed"));
  }
}

class GroupThatFailsTest : public GroupTest {};

TEST_P(GroupThatFailsTest, ReleasesThoseThatWaitForTheOne) {
  run_members(*group_, GetParam(), [&](Backend& backend) {
    DeviceGroup& group = *backend.group();
    if (group.place() == 0) {
      group_->give_up();
      return;
    }
    const Tensor tensor = filled(backend, 1);
    const HostVector host(backend, kElements);
    expect_given_up([&] {
      group.reduce(two_parts(tensor, group.size()));
      backend.await(backend.begin_download(tensor, host.values()));
    });
  });
}

TEST_P(GroupThatFailsTest, GivesNoNumbersAway) {
  std::latch all_are_done(GetParam());
  std::latch one_has_failed(1);
  run_members(*group_, GetParam(), [&](Backend& backend) {
    DeviceGroup& group = *backend.group();
    const Tensor tensor = filled(backend, 1);
    const HostVector host(backend, kElements);
    const auto squares = backend.sums_of_squares({&tensor});
    backend.follow(group.reduce_for_all(two_parts(tensor, group.size())));
    const Ticket ticket = backend.begin_download(tensor, host.values());
    backend.await(ticket);  // so that nobody's device still reads what another gives back
    all_are_done.arrive_and_wait();
    if (group.place() == 0) {
      group_->give_up();
      one_has_failed.count_down();
      return;
    }
    one_has_failed.wait();
    squares->begin();
    std::vector<float> values(kElements);
    expect_given_up([&] { (void)squares->await(); });
    expect_given_up([&] { (void)backend.is_past(ticket); });
    expect_given_up([&] { backend.await(ticket); });
    expect_given_up([&] { backend.download(tensor, values); });
    expect_given_up([&] { (void)backend.sum_of_squares(tensor); });
    expect_given_up([&] { backend.synchronize(); });
  });
}

INSTANTIATE_TEST_SUITE_P(Members, GroupTest, testing::Values(1, 2, 4));
INSTANTIATE_TEST_SUITE_P(Members, GroupThatFailsTest, testing::Values(2, 4));

}  // namespace
}  // namespace poseidon
