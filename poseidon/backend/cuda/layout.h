#pragma once

// How tensors lie in a device's memory: row-major, or with the channels innermost (NHWC); in float or in bfloat16.

#include <cstdint>

#include "poseidon/backend/cuda/elements.h"
#include "poseidon/tensor.h"

namespace poseidon::cuda {

enum class Order { kRowMajor, kChannelsLast };
enum class Element { kFloat, kBf16 };

struct Arrangement {
  Order order = Order::kRowMajor;
  Element element = Element::kFloat;
  friend bool operator==(const Arrangement&, const Arrangement&) = default;
};

class CudaLayout final : public Layout {
 public:
  explicit CudaLayout(Arrangement arrangement) : arrangement_(arrangement) {}
  [[nodiscard]] const Arrangement& arrangement() const { return arrangement_; }

 private:
  Arrangement arrangement_;
};

[[nodiscard]] std::size_t bytes_of(Element element);

[[nodiscard]] Arrangement arrangement_of(const TensorDescription& description);

/// A tensor arranged so. Where both orders are one (one channel, or one place for each channel) it counts as row-major,
/// so that nobody rearranges what is in place already. Throws bosen::Error(kDevice) where it is too large for kernels
/// that count in 32 bits.
[[nodiscard]] TensorDescription arranged(const Shape& shape, Arrangement arrangement);

/// A tensor as kernels see it: batch x channels x places, and how far apart neighbours lie.
struct Grid {
  std::uint32_t batch = 1, channels = 1, places = 1;
  std::uint32_t batch_stride = 0, channel_stride = 0, place_stride = 0;

  [[nodiscard]] POSEIDON_DEVICE std::uint32_t count() const { return batch * channels * places; }
  [[nodiscard]] POSEIDON_DEVICE std::uint32_t offset(std::uint32_t n, std::uint32_t c, std::uint32_t place) const {
    return n * batch_stride + c * channel_stride + place * place_stride;
  }
  /// Of the element at `index` in memory.
  [[nodiscard]] POSEIDON_DEVICE std::uint32_t channel_of(std::uint32_t index) const {
    return channel_stride == 1 ? index % channels : index / places % channels;
  }
};

/// One place of a grid.
struct GridPlace {
  std::uint32_t n, c, place;
};

/// Of the element at `index` in memory.
POSEIDON_DEVICE inline GridPlace place_of(const Grid& grid, std::uint32_t index) {
  const std::uint32_t size = grid.channels * grid.places;
  const std::uint32_t n = index / size;
  const std::uint32_t rest = index - n * size;
  if (grid.place_stride == 1) return {n, rest / grid.places, rest % grid.places};
  return {n, rest % grid.channels, rest / grid.channels};
}

[[nodiscard]] Grid grid_of(const Shape& shape, Order order);
[[nodiscard]] Grid grid_of(const TensorDescription& description);

/// Calls visit with a value of the element's type.
template <class Visit>
void with_element(Element element, const Visit& visit) {
  if (element == Element::kFloat) {
    visit(float{});
  } else {
    visit(Bf16{});
  }
}

template <class T>
[[nodiscard]] T* elements_of(Tensor& tensor) {
  return reinterpret_cast<T*>(tensor.data());
}
template <class T>
[[nodiscard]] const T* elements_of(const Tensor& tensor) {
  return reinterpret_cast<const T*>(tensor.data());
}

}  // namespace poseidon::cuda
