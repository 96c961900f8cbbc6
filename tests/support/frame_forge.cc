#include "tests/support/frame_forge.h"

#include "bosen/wire/checksum.h"

namespace bosen::test {

ForgedFrame::ForgedFrame(const wire::EncodedFrame& encoded) : block(encoded.block) {
  const std::span<const std::byte> head(encoded.head);
  header = wire::load_header(head.first<wire::kHeaderBytes>());
  meta.assign(head.begin() + wire::kHeaderBytes, head.end());
}

ForgedFrame::ForgedFrame(const wire::Frame& frame) : ForgedFrame(wire::encode(frame, wire::BlockChecksum::kCrc32c)) {}

std::vector<std::byte> ForgedFrame::sealed() const {
  ForgedFrame fitting = *this;
  fitting.header.body_length = static_cast<std::uint32_t>(meta.size() + (block ? block->size : 0));
  fitting.header.body_crc32c = wire::crc32c(meta);
  if (block && (header.flags & wire::kFlagBlockChecked) != 0) {
    fitting.header.body_crc32c = wire::crc32c({block->data, block->size}, fitting.header.body_crc32c);
  }
  return fitting.as_is();
}

std::vector<std::byte> ForgedFrame::as_is() const {
  std::vector<std::byte> head(wire::kHeaderBytes);
  wire::store_header(std::span(head).first<wire::kHeaderBytes>(), header);
  head.insert(head.end(), meta.begin(), meta.end());
  return head;
}

}  // namespace bosen::test
