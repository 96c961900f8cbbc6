#pragma once

// What lies where in a process's shared memory: the control part, then the blocks.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "bosen/base/limits.h"

namespace bosen::net {

/// Which bytes of a process's shared memory a frame's block is; travels instead of the block.
struct BlockReference {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint32_t loan = 0;    ///< the entry to give back
  std::uint32_t serial = 0;  ///< which of this entry's loans it is
};

/// The part that peers write to. All processes of a host run the same build, so this is the same struct for all.
struct SegmentControl {
  std::uint64_t magic = 0;
  std::uint64_t token = 0;  ///< as in the address, so that nothing else is taken for this segment
  std::uint64_t capacity = 0;
  /// Set by a peer that can read this memory.
  std::array<std::atomic<std::uint8_t>, limits::kProcessesMax> readers;
  /// Loans that are given back, as a list: the latest one's number plus one, 0 for none, and the one before each.
  std::atomic<std::uint32_t> returned;
  std::array<std::atomic<std::uint32_t>, limits::kLoansMax> returned_before;
  /// Of each, its serial number.
  std::array<std::atomic<std::uint32_t>, limits::kLoansMax> returned_serial;
};

static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "they are shared between processes");

/// Of the file, as /proc shows it.
inline constexpr const char* kSegmentName = "bosen-blocks";
inline constexpr std::uint64_t kSegmentMagic = 0x324D'4853'4E53'4F42;  // "BOSNSHM2"
/// Where the blocks begin; a multiple of a large page.
inline constexpr std::size_t kBlocksOffset = std::size_t{2} << 20;
static_assert(sizeof(SegmentControl) <= kBlocksOffset);

/// How a process tells the others where its memory is: "shm://PID/FILE/TOKEN".
struct SegmentAddress {
  static constexpr const char* kKind = "shm://";

  std::int64_t pid = 0;
  std::int64_t file = 0;  ///< its descriptor in that process
  std::uint64_t token = 0;

  [[nodiscard]] std::string text() const;
  /// Throws Error(kNetwork).
  static SegmentAddress parse(const std::string& text);
};

}  // namespace bosen::net
