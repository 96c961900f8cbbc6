#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "bosen/base/assert.h"

namespace bosen::core {

/// An array that grows without moving its elements: chunks of doubling size. One thread grows it; others may read
/// elements whose number they learnt from that thread.
template <class T>
class StableArray {
 public:
  T& operator[](std::uint32_t i) const {
    const std::uint64_t shifted = std::uint64_t{i} + kFirst;
    const auto chunk = static_cast<std::size_t>(std::bit_width(shifted)) - kFirstLog2 - 1;
    return chunks_[chunk].load(std::memory_order_acquire)[shifted - (std::uint64_t{kFirst} << chunk)];
  }

  /// Adds a default-constructed element and returns its number.
  std::uint32_t grow() {
    const std::uint64_t shifted = std::uint64_t{size_} + kFirst;
    const auto chunk = static_cast<std::size_t>(std::bit_width(shifted)) - kFirstLog2 - 1;
    BOSEN_ASSERT(chunk < kChunks);
    if (!owned_[chunk]) {
      owned_[chunk] = std::make_unique<T[]>(std::size_t{kFirst} << chunk);
      chunks_[chunk].store(owned_[chunk].get(), std::memory_order_release);
    }
    return size_++;
  }

  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  static constexpr std::size_t kFirstLog2 = 6;
  static constexpr std::uint32_t kFirst = 1U << kFirstLog2;
  static constexpr std::size_t kChunks = 26;

  std::array<std::unique_ptr<T[]>, kChunks> owned_;
  std::array<std::atomic<T*>, kChunks> chunks_{};
  std::uint32_t size_ = 0;
};

}  // namespace bosen::core
