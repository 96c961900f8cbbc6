#pragma once

// Where a BufferPool's large buffers lie, if not on the heap. Any thread may call.

#include <cstddef>

namespace bosen {

class BlockMemory {
 public:
  virtual ~BlockMemory() = default;
  /// So many bytes, aligned to cache lines; nullptr: there are none left, the heap has to do.
  virtual std::byte* take(std::size_t bytes) = 0;
  /// What `take` gave, with the same `bytes`.
  virtual void give_back(std::byte* data, std::size_t bytes) = 0;
  /// Whether `take` gave it.
  [[nodiscard]] virtual bool holds(const std::byte* data) const = 0;
};

}  // namespace bosen
