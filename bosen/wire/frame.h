#pragma once

// A frame: what travels between two processes. The header is one cache line on the wire (docs/design/wire.md).

#include <cstdint>
#include <optional>

#include "bosen/base/types.h"
#include "bosen/wire/messages.h"

namespace bosen::wire {

/// Fields of a frame's header that the protocol uses; lengths and checksums are the codec's.
struct FrameHeader {
  std::uint64_t job = 0;    ///< hash of the job's token: frames of other jobs are dropped
  std::uint32_t epoch = 0;  ///< of the member list
  NodeId source;
  NodeId target;
  std::uint64_t sequence = 0;      ///< of this frame on its link, from 1; acknowledgements: of what they answer, or 0
  std::uint64_t acknowledged = 0;  ///< all frames of the other direction up to this one have arrived
  bool asks = false;               ///< to be acknowledged at once
  /// Has been sent before, and asks; of an acknowledgement: answers such a frame.
  bool repeated = false;
};

/// A frame with its message; none: it only acknowledges.
struct Frame {
  FrameHeader header;
  std::optional<Message> message;
};

}  // namespace bosen::wire
