#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bosen::wire {

/// CRC-32C (Castagnoli) as in RFC 3720: of "123456789" it is 0xE3069283. `previous` is the checksum of the bytes before
/// these, so that a checksum may be taken piece by piece; 0 at the start.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t previous = 0);

}  // namespace bosen::wire
