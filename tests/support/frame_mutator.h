#pragma once

// Makes hostile frames from valid ones: bytes flipped, cut or added; any field of the header, any byte of the message's
// meta part or of the block changed with all checksums made to fit again; pieces of two frames put together; and noise.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/wire/frame.h"
#include "tests/support/frame_forge.h"
#include "tests/support/sim_random.h"

namespace bosen::test {

/// A frame as it might arrive.
struct RawFrame {
  std::vector<std::byte> head;
  std::optional<std::vector<std::byte>> block;
};

/// A block in memory of exactly its size, so that the address sanitizer sees the first byte read beyond it.
BufferRef exact_block(const std::vector<std::byte>& bytes);

class FrameMutator {
 public:
  /// Works on copies of these frames.
  FrameMutator(testing::SimRandom random, const std::vector<wire::Frame>& frames);

  RawFrame next();

 private:
  /// A frame in pieces.
  struct Pieces {
    ForgedFrame frame;
    std::optional<std::vector<std::byte>> block;
  };

  [[nodiscard]] Pieces pick();
  [[nodiscard]] static RawFrame sealed(Pieces pieces);
  std::uint64_t number();
  void change_header(wire::WireHeader& header);
  void change_bytes(std::vector<std::byte>& bytes);
  void change_length(std::vector<std::byte>& bytes);
  RawFrame noise();
  RawFrame damaged();

  testing::SimRandom random_;
  std::vector<Pieces> samples_;
};

}  // namespace bosen::test
