#pragma once

// Frames as bytes, and back. Decoding trusts nothing: a frame that fails a check yields an explanation, never a crash.

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/wire/frame.h"

namespace bosen::wire {

inline constexpr std::size_t kHeaderBytes = 64;

/// A frame as bytes: a head (header and the message's fixed part), then the rows or bytes that the message shares.
struct EncodedFrame {
  std::vector<std::byte> head;
  BufferRef block;  ///< may be none
};

/// What a process knows about the job, against which it checks what it receives.
struct DecodeContext {
  std::uint64_t job = 0;
  std::uint32_t epoch = 0;
  int processes = 0;
  int shards = 0;
  int workers = 0;
  /// The receiving process: frames for parties that live elsewhere are refused. Nothing: any.
  std::optional<Rank> rank;
  /// The process of a worker, of a shard.
  std::vector<Rank> rank_of_worker;
  std::vector<Rank> rank_of_shard;
  /// Shape of a table that this process has made or heard of; nothing: unknown.
  std::function<std::optional<RowShape>(TableId)> shape_of;
};

/// Whether rows get a checksum too (small frames always do).
enum class BlockChecksum { kNone, kCrc32c };

EncodedFrame encode(const Frame& frame, BlockChecksum checksum);

/// Either a frame or the reason why these bytes are none.
struct Decoded {
  std::optional<Frame> frame;
  std::string problem;
};

/// `head` and `block` as they arrived from process `peer`. `block` (none where the frame has none) becomes part of the
/// message.
Decoded decode(std::span<const std::byte> head, BufferRef block, Rank peer, const DecodeContext& context);

}  // namespace bosen::wire
