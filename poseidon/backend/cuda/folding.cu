// Space to depth and back.

#include "poseidon/backend/cuda/folding.h"

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/layout.h"

namespace poseidon::cuda {
namespace {

/// Both images and how they belong together.
struct Geometry {
  Folding folding;
  int channels, height, width;                       ///< of the row-major one
  int packed_channels, packed_height, packed_width;  ///< of the other
  Divisor by_channels, by_width, by_height, by_packed_width, by_packed_height;
  Divisor by_stride_height, by_stride_width;

  /// The row-major element that belongs to a channel of a place; below 0: none, it is zero.
  [[nodiscard]] POSEIDON_DEVICE std::int64_t plain_at(std::uint32_t n, int y, int x, int packed_channel) const {
    const int offset = static_cast<int>(by_channels.quotient(static_cast<std::uint32_t>(packed_channel)));
    const int c = packed_channel - offset * channels;
    const int dy = static_cast<int>(by_stride_width.quotient(static_cast<std::uint32_t>(offset)));
    const int row = y * folding.stride_height + dy - folding.pad_height;
    const int column = x * folding.stride_width + (offset - dy * folding.stride_width) - folding.pad_width;
    const bool inside = dy < folding.stride_height && row >= 0 && row < height && column >= 0 && column < width;
    if (!inside) return -1;
    return ((std::int64_t{n} * channels + c) * height + row) * width + column;
  }
};

template <class From, class To>
struct Fold {
  Geometry geometry;
  Divisor by_packs;
  std::uint32_t packs;
  const From* plain;
  Pack<To>* packed;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const std::uint32_t place = by_packs.quotient(i);
    const int first = static_cast<int>((i - place * packs) * Pack<To>::kWidth);
    const std::uint32_t line = geometry.by_packed_width.quotient(place);
    const int x = static_cast<int>(place) - static_cast<int>(line) * geometry.packed_width;
    const std::uint32_t n = geometry.by_packed_height.quotient(line);
    const int y = static_cast<int>(line) - static_cast<int>(n) * geometry.packed_height;
    Pack<To> pack;
    POSEIDON_UNROLL
    for (unsigned k = 0; k < Pack<To>::kWidth; ++k) {
      const std::int64_t at = geometry.plain_at(n, y, x, first + static_cast<int>(k));
      pack.elements[k] = from_float<To>(at < 0 ? 0.0F : to_float(plain[at]));
    }
    packed[i] = pack;
  }
};

template <class From, class To>
struct Unfold {
  Geometry geometry;
  const From* packed;
  To* plain;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const Geometry& g = geometry;
    const std::uint32_t line = g.by_width.quotient(i);
    const std::uint32_t column =
        i - line * static_cast<std::uint32_t>(g.width) + static_cast<std::uint32_t>(g.folding.pad_width);
    const std::uint32_t image = g.by_height.quotient(line);
    const std::uint32_t row =
        line - image * static_cast<std::uint32_t>(g.height) + static_cast<std::uint32_t>(g.folding.pad_height);
    const std::uint32_t n = g.by_channels.quotient(image);
    const std::uint32_t c = image - n * static_cast<std::uint32_t>(g.channels);
    const std::uint32_t y = g.by_stride_height.quotient(row);
    const std::uint32_t x = g.by_stride_width.quotient(column);
    const std::uint32_t dy = row - y * static_cast<std::uint32_t>(g.folding.stride_height);
    const std::uint32_t dx = column - x * static_cast<std::uint32_t>(g.folding.stride_width);
    if (y >= static_cast<std::uint32_t>(g.packed_height) || x >= static_cast<std::uint32_t>(g.packed_width)) {
      plain[i] = from_float<To>(0);  // beyond the last window
      return;
    }
    const std::uint32_t channel =
        (dy * static_cast<std::uint32_t>(g.folding.stride_width) + dx) * static_cast<std::uint32_t>(g.channels) + c;
    const std::int64_t place = (std::int64_t{n} * g.packed_height + y) * static_cast<std::int64_t>(g.packed_width) + x;
    plain[i] = from_float<To>(to_float(packed[place * g.packed_channels + channel]));
  }
};

Divisor divisor_of(std::int64_t number) { return Divisor(static_cast<std::uint32_t>(number)); }

Geometry geometry_of(const Folding& folding, const Shape& plain, const Shape& packed) {
  return {.folding = folding,
          .channels = static_cast<int>(plain[1]),
          .height = static_cast<int>(plain[2]),
          .width = static_cast<int>(plain[3]),
          .packed_channels = static_cast<int>(packed[1]),
          .packed_height = static_cast<int>(packed[2]),
          .packed_width = static_cast<int>(packed[3]),
          .by_channels = divisor_of(plain[1]),
          .by_width = divisor_of(plain[3]),
          .by_height = divisor_of(plain[2]),
          .by_packed_width = divisor_of(packed[3]),
          .by_packed_height = divisor_of(packed[2]),
          .by_stride_height = divisor_of(folding.stride_height),
          .by_stride_width = divisor_of(folding.stride_width)};
}

}  // namespace

void fold_places(Device& device, const Folding& folding, const Tensor& plain, Tensor& packed) {
  const Geometry geometry = geometry_of(folding, plain.shape(), packed.shape());
  with_elements(plain, packed, [&]<class From, class To>(const From* from, To* to) {
    const std::int64_t packs = packed.shape()[1] / Pack<To>::kWidth;
    for_each(device, packed.count() / Pack<To>::kWidth,
             Fold<From, To>{geometry, divisor_of(packs), static_cast<std::uint32_t>(packs), from,
                            reinterpret_cast<Pack<To>*>(to)});
  });
}

void unfold_places(Device& device, const Folding& folding, const Tensor& packed, Tensor& plain) {
  const Geometry geometry = geometry_of(folding, plain.shape(), packed.shape());
  with_elements(packed, plain, [&]<class From, class To>(const From* from, To* to) {
    for_each(device, plain.count(), Unfold<From, To>{geometry, from, to});
  });
}

}  // namespace poseidon::cuda
