#pragma once

// Takes an encoded frame apart, so that a test can change one thing and seal it again with correct lengths and
// checksums.

#include <cstddef>
#include <span>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/wire/codec.h"
#include "bosen/wire/frame_header.h"

namespace bosen::test {

struct ForgedFrame {
  ForgedFrame() = default;
  explicit ForgedFrame(const wire::EncodedFrame& encoded);
  /// Of a frame, with all of its block under the checksum.
  explicit ForgedFrame(const wire::Frame& frame);

  /// The head with length and checksums that fit.
  [[nodiscard]] std::vector<std::byte> sealed() const;
  /// The head with the header's fields exactly as they are here, but its own checksum.
  [[nodiscard]] std::vector<std::byte> as_is() const;

  wire::WireHeader header;
  std::vector<std::byte> meta;
  BufferRef block;
};

}  // namespace bosen::test
