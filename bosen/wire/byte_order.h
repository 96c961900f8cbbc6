#pragma once

// Numbers as little-endian bytes, whatever this machine's own order is.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace bosen::wire {

/// Writes the low sizeof(T) bytes of an unsigned number.
template <std::unsigned_integral T>
constexpr void store_little_endian(std::byte* bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<std::byte>((value >> (8 * i)) & 0xFF);
}

template <std::unsigned_integral T>
constexpr T load_little_endian(const std::byte* bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(bytes[i]) << (8 * i));
  return value;
}

// Blocks of rows travel as they lie in memory, and their layout is little-endian.
static_assert(std::endian::native == std::endian::little, "row blocks would need conversion on this machine");

}  // namespace bosen::wire
