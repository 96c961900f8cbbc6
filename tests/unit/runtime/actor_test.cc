#include "bosen/runtime/actor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace bosen::runtime {
namespace {

using ::testing::ElementsAre;

wire::Envelope numbered(std::uint64_t number) {
  return {wire::NodeId::client(0), wire::NodeId::shard(0), wire::BarrierArrive{number}};
}

std::uint64_t number_of(const wire::Envelope& envelope) {
  return std::get<wire::BarrierArrive>(envelope.message).barrier;
}

TEST(ActorTest, HandlesItsMailInOrderWhenItIsDriven) {
  std::vector<std::uint64_t> handled;
  Actor actor([&](const wire::Envelope& envelope) { handled.push_back(number_of(envelope)); });
  for (const std::uint64_t number : {1U, 2U, 3U}) actor.post(numbered(number));
  EXPECT_TRUE(handled.empty());
  EXPECT_TRUE(actor.has_mail());
  actor.drive();
  EXPECT_THAT(handled, ElementsAre(1, 2, 3));
  EXPECT_FALSE(actor.has_mail());
}

TEST(ActorTest, SaysHowManyMessagesWait) {
  Actor actor([](const wire::Envelope&) {});
  EXPECT_EQ(actor.post(numbered(1)), 1U);
  EXPECT_EQ(actor.post(numbered(2)), 2U);
  actor.settle();
  EXPECT_EQ(actor.post(numbered(3)), 1U);
}

TEST(ActorTest, TakesMailThatItsOwnHandlerPosts) {
  std::vector<std::uint64_t> handled;
  Actor* self = nullptr;
  Actor actor([&](const wire::Envelope& envelope) {
    handled.push_back(number_of(envelope));
    if (handled.size() < 3) self->post(numbered(handled.size() + 1));
  });
  self = &actor;
  actor.post(numbered(1));
  actor.drive();
  EXPECT_THAT(handled, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace bosen::runtime
