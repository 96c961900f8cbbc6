#pragma once

// Numbers in a device's memory: shape, arrangement and where they are. Elements are float, but where a backend's layout
// says otherwise.
//
// A tensor is a handle: copies share the memory. Who writes and who reads is settled by the net's order, so a tensor
// has no locks; it belongs to one worker.

#include <cstddef>
#include <memory>
#include <utility>

#include "poseidon/shape.h"

namespace poseidon {

/// How a backend arranges the elements of a tensor. Only the backend that made it can read it.
class Layout {
 public:
  virtual ~Layout() = default;
};

/// What a tensor is before it has memory.
struct TensorDescription {
  Shape shape;
  std::shared_ptr<const Layout> layout = nullptr;  ///< nullptr: row-major
  std::size_t bytes = 0;                           ///< of all elements; a layout may pad, or hold narrower numbers

  static TensorDescription row_major(Shape shape) {
    const std::size_t bytes = static_cast<std::size_t>(shape.count()) * sizeof(float);
    return {std::move(shape), nullptr, bytes};
  }
  [[nodiscard]] bool is_row_major() const { return layout == nullptr; }
};

/// Bytes of one device, freed with it.
class Memory {
 public:
  virtual ~Memory() = default;
  /// Aligned to 64 bytes or more. Only code of the same backend may follow the pointer.
  [[nodiscard]] virtual std::byte* data() = 0;
  [[nodiscard]] virtual std::size_t bytes() const = 0;
};

class Tensor {
 public:
  Tensor() = default;
  /// `description.bytes` bytes of `memory` from `offset` on.
  Tensor(TensorDescription description, std::shared_ptr<Memory> memory, std::size_t offset = 0)
      : description_(std::move(description)), memory_(std::move(memory)), offset_(offset) {}

  [[nodiscard]] const TensorDescription& description() const { return description_; }
  [[nodiscard]] const Shape& shape() const { return description_.shape; }
  [[nodiscard]] std::int64_t count() const { return description_.shape.count(); }
  [[nodiscard]] bool empty() const { return memory_ == nullptr; }

  /// Of the device; see Memory::data.
  [[nodiscard]] float* data() { return reinterpret_cast<float*>(memory_->data() + offset_); }
  [[nodiscard]] const float* data() const { return reinterpret_cast<const float*>(memory_->data() + offset_); }

  /// The same row-major elements under another shape of as many elements.
  [[nodiscard]] Tensor reshaped(Shape shape) const { return part(std::move(shape), 0); }
  /// Row-major elements of this row-major tensor from `first` on, in a shape of their own.
  [[nodiscard]] Tensor part(Shape shape, std::int64_t first) const {
    return {TensorDescription::row_major(std::move(shape)), memory_,
            offset_ + static_cast<std::size_t>(first) * sizeof(float)};
  }

 private:
  TensorDescription description_;
  std::shared_ptr<Memory> memory_;
  std::size_t offset_ = 0;
};

}  // namespace poseidon
