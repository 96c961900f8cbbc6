#include "bosen/core/channel_core.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace bosen::core {
namespace {

// Process 0 has the workers 0 and 1, process 1 the workers 2 and 3.
Membership members_of(Rank rank) { return {.rank = rank, .workers = {2, 2}, .rank_of_shard = {0}}; }

class ChannelCoreTest : public ::testing::Test {
 protected:
  BufferRef bytes(int number) {
    BufferRef buffer = pool_.take(sizeof number);
    std::memcpy(buffer->data, &number, sizeof number);
    buffer->size = sizeof number;
    return buffer;
  }
  static int number_of(const std::optional<wire::ChannelData>& data) {
    int number = -1;
    if (data) std::memcpy(&number, data->bytes->data, sizeof number);
    return number;
  }
  bool send(Rank rank, WorkerId from, WorkerId to, std::int64_t tag, int number) {
    return process(rank).send(from, to, tag, bytes(number), outbox(rank));
  }
  int receive(Rank rank, WorkerId to, std::int64_t tag, std::optional<WorkerId> from = {}) {
    return number_of(process(rank).receive(to, tag, from, outbox(rank)));
  }
  ChannelCore& process(Rank rank) { return rank == 0 ? zero_ : one_; }
  Outbox& outbox(Rank rank) { return rank == 0 ? from_zero_ : from_one_; }
  /// Brings everything to the other process.
  void deliver() {
    for (const Rank rank : {0, 1}) {
      for (Envelope& envelope : outbox(rank).envelopes()) {
        ChannelCore& to = process(1 - rank);
        if (auto* data = std::get_if<wire::ChannelData>(&envelope.message)) to.on_data(std::move(*data));
        if (const auto* credit = std::get_if<wire::ChannelCredit>(&envelope.message)) to.on_credit(*credit);
      }
      outbox(rank).envelopes().clear();
    }
  }

  BufferPool pool_;
  const Membership members_zero_ = members_of(0);
  const Membership members_one_ = members_of(1);
  ChannelCore zero_{5, "factors", {.capacity = 3, .priority = 7}, members_zero_};
  ChannelCore one_{5, "factors", {.capacity = 3, .priority = 7}, members_one_};
  Outbox from_zero_{NodeId::client(0)};
  Outbox from_one_{NodeId::client(1)};
};

TEST_F(ChannelCoreTest, KeepsTheOrderOfASender) {
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(send(0, 0, 2, 7, i));
  for (const Envelope& envelope : from_zero_.envelopes()) EXPECT_EQ(envelope.priority, 7);
  deliver();
  EXPECT_EQ(receive(1, 2, 7), 1);
  EXPECT_EQ(receive(1, 2, 7), 2);
  EXPECT_EQ(receive(1, 2, 7), 3);
  EXPECT_EQ(receive(1, 2, 7), -1);
}

TEST_F(ChannelCoreTest, CreditWaitsNoLongerThanWhatItIsFor) {
  for (const auto& [priority, expected] : {std::pair{7, 7}, std::pair{0, 0}, std::pair{-7, 0}}) {
    ChannelCore channel(5, "factors", {.capacity = 3, .priority = priority}, members_one_);
    channel.on_data({.channel = 5, .from = 0, .to = 2, .tag = 1, .bytes = bytes(1)});
    Outbox outbox(NodeId::client(1));
    ASSERT_TRUE(channel.receive(2, 1, {}, outbox));
    ASSERT_EQ(outbox.envelopes().size(), 1U);
    EXPECT_EQ(outbox.envelopes()[0].priority, expected);
  }
}

TEST_F(ChannelCoreTest, PicksByTagAndSender) {
  send(0, 0, 2, 7, 1);
  send(0, 1, 2, 7, 2);
  send(0, 0, 2, 8, 3);
  deliver();
  EXPECT_EQ(receive(1, 2, 8), 3);
  EXPECT_EQ(receive(1, 2, 8), -1);
  EXPECT_EQ(receive(1, 2, 7, 1), 2);
  EXPECT_EQ(receive(1, 3, 7), -1) << "for another worker";
  EXPECT_EQ(receive(1, 2, 7), 1);
}

TEST_F(ChannelCoreTest, NeedsNoMessageInsideAProcess) {
  EXPECT_TRUE(send(0, 0, 1, 7, 4));
  EXPECT_EQ(receive(0, 1, 7), 4);
  EXPECT_TRUE(from_zero_.envelopes().empty());
}

TEST_F(ChannelCoreTest, HoldsASenderBackUntilItsReceiverHasTakenSomething) {
  for (const WorkerId to : {1, 2}) {  // in its own process and in the other
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(send(0, 0, to, 7, i));
    EXPECT_FALSE(send(0, 0, to, 7, 3));
    deliver();
    EXPECT_FALSE(send(0, 0, to, 7, 3)) << "arrived is not received";
    receive(to == 1 ? 0 : 1, to, 7);
    deliver();
    EXPECT_TRUE(send(0, 0, to, 7, 3));
    EXPECT_FALSE(send(0, 0, to, 7, 4));
  }
}

TEST_F(ChannelCoreTest, CountsEveryPairOfWorkersByItself) {
  for (int i = 0; i < 3; ++i) send(0, 0, 2, 7, i);
  EXPECT_TRUE(send(0, 0, 3, 7, 9));
  EXPECT_TRUE(send(0, 1, 2, 7, 9));
  EXPECT_FALSE(send(0, 0, 2, 8, 9)) << "whatever the tag";
}

TEST_F(ChannelCoreTest, IgnoresCreditThatNobodyOwes) {
  zero_.on_credit({.channel = 5, .from = 2, .to = 0, .messages = 1});
  send(0, 0, 2, 7, 1);
  zero_.on_credit({.channel = 5, .from = 2, .to = 0, .messages = 0xFFFF'FFFF});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(send(0, 0, 2, 7, i));
  EXPECT_FALSE(send(0, 0, 2, 7, 3));
}

TEST_F(ChannelCoreTest, IgnoresMessagesForWorkersOfOtherProcesses) {
  for (const WorkerId to : {-1, 2, 3, 1000}) {
    zero_.on_data({.channel = 5, .from = 2, .to = to, .tag = 7, .bytes = bytes(1)});
  }
  EXPECT_EQ(receive(0, 0, 7), -1);
  EXPECT_EQ(receive(0, 1, 7), -1);
}

}  // namespace
}  // namespace bosen::core
