#include "bosen/wire/checksum.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace bosen::wire {

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t previous) {
  // The library leaves the inversion before and after to its callers, and counts in int.
  constexpr std::size_t kPieceBytes = std::size_t{1} << 30;
  std::uint32_t crc = ~previous;
  while (!bytes.empty()) {
    const std::span<const std::byte> piece = bytes.first(std::min(bytes.size(), kPieceBytes));
    // It reads only, though its signature does not say so.
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(piece.data()));
    crc = crc32_iscsi(data, static_cast<int>(piece.size()), crc);
    bytes = bytes.subspan(piece.size());
  }
  return ~crc;
}

}  // namespace bosen::wire
