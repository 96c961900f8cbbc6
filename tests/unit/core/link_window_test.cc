// A link keeps only so many bytes of rows under way, whatever the number of frames.

#include <gtest/gtest.h>

#include "bosen/base/limits.h"
#include "bosen/core/link.h"

namespace bosen::core {
namespace {

using wire::Envelope;
using wire::Frame;
using wire::NodeId;

class LinkWindowTest : public ::testing::Test {
 protected:
  Envelope block_of(std::size_t bytes) {
    wire::Update update;
    update.block = pool_.take(bytes);
    update.block->size = bytes;
    return {NodeId::client(0), NodeId::shard(0), std::move(update)};
  }

  static constexpr std::size_t kBlock = std::size_t{1} << 20;
  static constexpr std::size_t kWindowBlocks = limits::kSendWindowBytes / kBlock;

  BufferPool pool_;
  Link sender_{7, 1};
  Link receiver_{7, 1};
};

TEST_F(LinkWindowTest, HoldsBackWhatExceedsTheWindowOfBytes) {
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < kWindowBlocks + 3; ++i) sender_.send(block_of(kBlock), 0, frames);
  EXPECT_EQ(frames.size(), kWindowBlocks);
  EXPECT_EQ(sender_.waiting_bytes(), 3 * kBlock);
}

TEST_F(LinkWindowTest, LetsOneFrameGoThatIsLargerThanTheWindow) {
  std::vector<Frame> frames;
  sender_.send(block_of(2 * limits::kSendWindowBytes), 0, frames);
  sender_.send(block_of(kBlock), 0, frames);
  EXPECT_EQ(frames.size(), 1U);
}

TEST_F(LinkWindowTest, IsAcknowledgedByBytesBeforeTheWindowIsFull) {
  std::vector<Frame> sent;
  for (std::size_t i = 0; i < kWindowBlocks; ++i) sender_.send(block_of(kBlock), 0, sent);
  std::vector<Frame> answers;
  std::vector<Envelope> delivered;
  for (std::size_t i = 0; i < limits::kAcknowledgeEveryBytes / kBlock; ++i) {
    EXPECT_TRUE(answers.empty());
    receiver_.step(std::move(sent[i]), 0, delivered, answers);
  }
  ASSERT_EQ(answers.size(), 1U);
  std::vector<Frame> more;
  sender_.step(std::move(answers[0]), 0, delivered, more);
  for (std::size_t i = 0; i < kWindowBlocks; ++i) sender_.send(block_of(kBlock), 0, more);
  EXPECT_EQ(more.size(), limits::kAcknowledgeEveryBytes / kBlock);
}

}  // namespace
}  // namespace bosen::core
