#pragma once

#include <cstdint>

#include "bosen/base/types.h"

namespace bosen::core {

/// A strong mix of all bits (the finaliser of SplitMix64; Steele, Lea, Flood, OOPSLA 2014).
constexpr std::uint64_t mix64(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

/// The shard that owns a row. Every group of `shards` consecutive rows has one row on each shard, in an order hashed
/// from the group, so that dense ids spread evenly to the row, and random or strided ones as well as a hash does.
constexpr ShardId shard_of(RowId row, int shards) {
  if (shards == 1) return 0;
  const auto count = static_cast<std::uint64_t>(shards);
  const auto unsigned_row = static_cast<std::uint64_t>(row);
  const std::uint64_t group = unsigned_row / count;
  return static_cast<ShardId>((unsigned_row % count + mix64(group) % count) % count);
}

}  // namespace bosen::core
