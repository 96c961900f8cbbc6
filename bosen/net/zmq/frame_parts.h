#pragma once

// What a frame is on a socket beside its peer's name: the head; the head and the block; or the head, an empty part and
// where in the sender's memory the block is.

#include <optional>
#include <string>
#include <vector>

#include "bosen/net/shm/shared_memory.h"
#include "bosen/net/zmq/zmq_message.h"

namespace bosen::net {

struct FrameParts {
  ZmqMessage head;
  std::optional<ZmqMessage> block;
  BufferRef lent_block;

  /// The most that there may be.
  static constexpr std::size_t kMost = 3;

  /// Takes the parts over as they came from a peer. `memory` none: nothing can be lent. Returns what is wrong with
  /// them, or an empty text.
  std::string take(std::vector<ZmqMessage>& parts, Rank peer, const SharedMemory* memory);
};

}  // namespace bosen::net
