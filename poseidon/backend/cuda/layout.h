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

/// Divides 32 bits by one number again and again, by a multiplication (Granlund & Montgomery, PLDI'94): devices have no
/// instruction that divides.
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(std::uint32_t divisor);

  [[nodiscard]] POSEIDON_DEVICE std::uint32_t quotient(std::uint32_t dividend) const {
#if defined(__CUDA_ARCH__)
    const std::uint32_t high = __umulhi(dividend, factor_);
#else
    const auto high = static_cast<std::uint32_t>((std::uint64_t{dividend} * factor_) >> 32U);
#endif
    // The factor has a 33rd bit, which is one.
    return static_cast<std::uint32_t>((std::uint64_t{high} + dividend) >> shift_);
  }
  [[nodiscard]] POSEIDON_DEVICE std::uint32_t remainder(std::uint32_t dividend) const {
    return dividend - quotient(dividend) * divisor_;
  }

 private:
  std::uint32_t divisor_ = 1, factor_ = 0, shift_ = 0;
};

/// A tensor as kernels see it: batch x channels x places, and how far apart neighbours lie.
struct Grid {
  std::uint32_t batch = 1, channels = 1, places = 1;
  std::uint32_t batch_stride = 0, channel_stride = 0, place_stride = 0;
  Divisor by_channels, by_places, by_example;  ///< by channels, places and both

  [[nodiscard]] POSEIDON_DEVICE std::uint32_t count() const { return batch * channels * places; }
  [[nodiscard]] POSEIDON_DEVICE std::uint32_t offset(std::uint32_t n, std::uint32_t c, std::uint32_t place) const {
    return n * batch_stride + c * channel_stride + place * place_stride;
  }
  /// Of the element at `index` in memory.
  [[nodiscard]] POSEIDON_DEVICE std::uint32_t channel_of(std::uint32_t index) const {
    return by_channels.remainder(channel_stride == 1 ? index : by_places.quotient(index));
  }
};

/// One place of a grid.
struct GridPlace {
  std::uint32_t n, c, place;
};

/// Of the element at `index` in memory.
POSEIDON_DEVICE inline GridPlace place_of(const Grid& grid, std::uint32_t index) {
  const std::uint32_t n = grid.by_example.quotient(index);
  const std::uint32_t rest = index - n * grid.channels * grid.places;
  if (grid.place_stride == 1) {
    const std::uint32_t c = grid.by_places.quotient(rest);
    return {n, c, rest - c * grid.places};
  }
  const std::uint32_t place = grid.by_channels.quotient(rest);
  return {n, rest - place * grid.channels, place};
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

/// visit(from, to) with pointers to the elements of both.
template <class Visit>
void with_elements(const Tensor& from, Tensor& to, const Visit& visit) {
  with_element(arrangement_of(from.description()).element, [&](auto source_zero) {
    with_element(arrangement_of(to.description()).element, [&](auto target_zero) {
      visit(elements_of<decltype(source_zero)>(from), elements_of<decltype(target_zero)>(to));
    });
  });
}

}  // namespace poseidon::cuda
