#pragma once

// What the tests of wire::decode share: a process 0 that decodes what process 1 has sent it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bosen/wire/codec.h"
#include "bosen/wire/copy_blocks.h"
#include "tests/support/frame_forge.h"
#include "tests/support/wire_samples.h"

namespace bosen::wire {

using test::ForgedFrame;
using test::kDenseFloat;
using test::kSparseInt64;
using test::sample_block;
using test::sample_context;
using test::sample_frame;

inline constexpr NodeId kClient = NodeId::client(1);
inline constexpr NodeId kPeer = NodeId::client(0);
inline constexpr NodeId kShard = NodeId::shard(0);
inline constexpr NodeId kOwnShard = NodeId::shard(1);

class DecodeTest : public ::testing::Test {
 protected:
  /// What decoding says about a frame that came from process 1; "" where it passes.
  std::string problem_of(const std::vector<std::byte>& head, const BufferRef& block) {
    const Decoded decoded = decode(head, copy_block(block, pool_), peer_, context_);
    EXPECT_EQ(decoded.frame.has_value(), decoded.problem.empty());
    return decoded.problem;
  }
  std::string problem_of(const ForgedFrame& forged) { return problem_of(forged.sealed(), forged.block); }
  std::string problem_of(NodeId source, NodeId target, Message message) {
    return problem_of(ForgedFrame(sample_frame(source, target, std::move(message))));
  }

  ForgedFrame update() {
    return ForgedFrame(
        sample_frame(kClient, kShard, Update{kDenseFloat, 2, 5, true, sample_block(pool_, kDenseFloat, {1, 2})}));
  }
  static ForgedFrame barrier() { return ForgedFrame(sample_frame(kClient, kShard, BarrierArrive{1})); }
  static ForgedFrame acknowledgement() {
    Frame frame;
    frame.header.job = test::kJob;
    frame.header.epoch = test::kEpoch;
    return ForgedFrame(frame);
  }

  BufferPool pool_;
  DecodeContext context_ = sample_context(2);
  Rank peer_ = 1;
};

}  // namespace bosen::wire
