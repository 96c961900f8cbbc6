#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "bosen/base/assert.h"

namespace bosen::core {

/// An array that grows without moving its elements: chunks of doubling size. Elements are constructed one by one, so
/// that the unused part of the last chunk is address space and not memory. One thread grows it; others may read
/// elements whose number they learnt from that thread.
template <class T>
class StableArray {
 public:
  StableArray() = default;
  ~StableArray() {
    for (std::uint32_t i = 0; i < size_; ++i) std::destroy_at(&(*this)[i]);
  }
  StableArray(const StableArray&) = delete;
  StableArray& operator=(const StableArray&) = delete;

  T& operator[](std::uint32_t i) const {
    const Place place = place_of(i);
    return chunks_[place.chunk].load(std::memory_order_acquire)[place.offset];
  }

  /// Has the processor fetch an element that will be looked at soon.
  void prefetch(std::uint32_t i) const {
    const auto* element = reinterpret_cast<const std::byte*>(&(*this)[i]);
    __builtin_prefetch(element);
    __builtin_prefetch(element + sizeof(T) - 1);  // where it lies in two lines
  }

  /// Adds a default-constructed element and returns its number.
  std::uint32_t grow() {
    const Place place = place_of(size_);
    BOSEN_ASSERT(place.chunk < kChunks);
    if (!owned_[place.chunk]) {
      const std::size_t bytes = (kFirst << place.chunk) * sizeof(T);
      owned_[place.chunk].reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignof(T)})));
      chunks_[place.chunk].store(reinterpret_cast<T*>(owned_[place.chunk].get()), std::memory_order_release);
    }
    ::new (owned_[place.chunk].get() + place.offset * sizeof(T)) T();
    return size_++;
  }

  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  static constexpr std::size_t kFirstLog2 = 6;
  static constexpr std::size_t kFirst = std::size_t{1} << kFirstLog2;
  static constexpr std::size_t kChunks = 26;

  struct Place {
    std::size_t chunk;
    std::size_t offset;
  };
  static Place place_of(std::uint32_t i) {
    const std::size_t shifted = i + kFirst;
    const auto chunk = static_cast<std::size_t>(std::bit_width(shifted)) - kFirstLog2 - 1;
    return {chunk, shifted - (kFirst << chunk)};
  }

  struct Free {
    void operator()(std::byte* storage) const { ::operator delete (storage, std::align_val_t{alignof(T)}); }
  };

  std::array<std::unique_ptr<std::byte, Free>, kChunks> owned_;
  std::array<std::atomic<T*>, kChunks> chunks_{};
  std::uint32_t size_ = 0;
};

}  // namespace bosen::core
