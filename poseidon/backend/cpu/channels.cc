#include "poseidon/backend/cpu/channels.h"

#include <algorithm>

#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

using dnnl::memory;

/// Rows that stay in the nearest cache while they are looked at twice.
constexpr std::int64_t kNearRows = 128;

// The loops below are compiled for 16 lanes, for 8 and for any number: kCount says how many, 0 any.
template <std::size_t kCount>
constexpr std::size_t lanes_of(const Rows& rows) {
  return kCount == 0 ? rows.lanes : kCount;
}

template <std::size_t kCount>
[[gnu::always_inline]] inline void add_rows(const float* x, const Rows& rows, Lanes& sum) {
  Lanes total = sum;
  for (std::int64_t row = 0; row < rows.count; ++row, x += rows.stride) {
    for (std::size_t i = 0; i < lanes_of<kCount>(rows); ++i) total[i] += x[i];
  }
  sum = total;
}

template <std::size_t kCount>
[[gnu::always_inline]] inline void add_squares(const float* x, const Rows& rows, const Lanes& mean, Lanes& sum) {
  Lanes total = sum;
  const Lanes middle = mean;
  for (std::int64_t row = 0; row < rows.count; ++row, x += rows.stride) {
    for (std::size_t i = 0; i < lanes_of<kCount>(rows); ++i) total[i] += (x[i] - middle[i]) * (x[i] - middle[i]);
  }
  sum = total;
}

template <std::size_t kCount>
[[gnu::always_inline]] inline Moments moments(const float* x, const Rows& rows) {
  Moments all;
  for (std::int64_t first = 0; first < rows.count; first += kNearRows) {
    const Rows part{std::min(kNearRows, rows.count - first), rows.stride, rows.lanes};
    Lanes mean{}, squares{};
    add_rows<kCount>(x + first * rows.stride, part, mean);
    const auto count = static_cast<float>(part.count);
    for (float& value : mean) value /= count;
    add_squares<kCount>(x + first * rows.stride, part, mean, squares);
    const auto share = count / static_cast<float>(first + part.count);
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const float difference = mean[i] - all.mean[i];
      all.mean[i] += difference * share;
      all.squares[i] += squares[i] + difference * difference * share * static_cast<float>(first);
    }
  }
  return all;
}

template <std::size_t kCount, Followed kFollowed>
[[gnu::always_inline]] inline void normalise_rows(const float* x, float* y, const Rows& rows, const Normaliser& by) {
  const Normaliser own = by;
  for (std::int64_t row = 0; row < rows.count; ++row, x += rows.stride, y += rows.stride) {
    for (std::size_t i = 0; i < lanes_of<kCount>(rows); ++i) {
      const float value = (x[i] - own.mean[i]) * own.factor[i] + own.shift[i];
      y[i] = kFollowed == Followed::kByRelu && value < 0 ? 0 : value;  // what is no number stays
    }
  }
}

template <Followed kFollowed>
[[gnu::always_inline]] inline float passed(float centred, float dy, float factor, float shift) {
  return kFollowed == Followed::kByRelu && !(centred * factor + shift > 0) ? 0 : dy;
}

template <std::size_t kCount, Followed kFollowed>
[[gnu::always_inline]] inline GradientSums gradient_sums(const float* x, const float* dy, const Rows& rows,
                                                         const Normaliser& by) {
  const Normaliser own = by;
  GradientSums sums;
  for (std::int64_t row = 0; row < rows.count; ++row, x += rows.stride, dy += rows.stride) {
    for (std::size_t i = 0; i < lanes_of<kCount>(rows); ++i) {
      const float centred = x[i] - own.mean[i];
      const float gradient = passed<kFollowed>(centred, dy[i], own.factor[i], own.shift[i]);
      sums.gradient[i] += gradient;
      sums.weighted[i] += gradient * centred;
    }
  }
  return sums;
}

template <std::size_t kCount, Followed kFollowed>
[[gnu::always_inline]] inline void differentiate_rows(const float* x, const float* dy, float* dx, const Rows& rows,
                                                      const Normaliser& by, const GradientRule& rule) {
  const Normaliser own = by;
  const GradientRule follow = rule;
  for (std::int64_t row = 0; row < rows.count; ++row, x += rows.stride, dy += rows.stride, dx += rows.stride) {
    for (std::size_t i = 0; i < lanes_of<kCount>(rows); ++i) {
      const float centred = x[i] - own.mean[i];
      const float gradient = passed<kFollowed>(centred, dy[i], own.factor[i], own.shift[i]);
      dx[i] = own.factor[i] * gradient + follow.slope[i] * centred + follow.offset[i];
    }
  }
}

}  // namespace

POSEIDON_VECTORISED Moments moments_of(const float* x, const Rows& rows) {
  if (rows.lanes == 16) return moments<16>(x, rows);
  if (rows.lanes == 8) return moments<8>(x, rows);
  return moments<0>(x, rows);
}

POSEIDON_VECTORISED void normalise(const float* x, float* y, const Rows& rows, const Normaliser& by,
                                   Followed followed) {
  if (followed == Followed::kByRelu) {
    if (rows.lanes == 16) return normalise_rows<16, Followed::kByRelu>(x, y, rows, by);
    if (rows.lanes == 8) return normalise_rows<8, Followed::kByRelu>(x, y, rows, by);
    return normalise_rows<0, Followed::kByRelu>(x, y, rows, by);
  }
  if (rows.lanes == 16) return normalise_rows<16, Followed::kByNothing>(x, y, rows, by);
  if (rows.lanes == 8) return normalise_rows<8, Followed::kByNothing>(x, y, rows, by);
  return normalise_rows<0, Followed::kByNothing>(x, y, rows, by);
}

POSEIDON_VECTORISED GradientSums gradient_sums_of(const float* x, const float* dy, const Rows& rows,
                                                  const Normaliser& by, Followed followed) {
  if (followed == Followed::kByRelu) {
    if (rows.lanes == 16) return gradient_sums<16, Followed::kByRelu>(x, dy, rows, by);
    if (rows.lanes == 8) return gradient_sums<8, Followed::kByRelu>(x, dy, rows, by);
    return gradient_sums<0, Followed::kByRelu>(x, dy, rows, by);
  }
  if (rows.lanes == 16) return gradient_sums<16, Followed::kByNothing>(x, dy, rows, by);
  if (rows.lanes == 8) return gradient_sums<8, Followed::kByNothing>(x, dy, rows, by);
  return gradient_sums<0, Followed::kByNothing>(x, dy, rows, by);
}

POSEIDON_VECTORISED void differentiate(const float* x, const float* dy, float* dx, const Rows& rows,
                                       const Normaliser& by, const GradientRule& rule, Followed followed) {
  if (followed == Followed::kByRelu) {
    if (rows.lanes == 16) return differentiate_rows<16, Followed::kByRelu>(x, dy, dx, rows, by, rule);
    if (rows.lanes == 8) return differentiate_rows<8, Followed::kByRelu>(x, dy, dx, rows, by, rule);
    return differentiate_rows<0, Followed::kByRelu>(x, dy, dx, rows, by, rule);
  }
  if (rows.lanes == 16) return differentiate_rows<16, Followed::kByNothing>(x, dy, dx, rows, by, rule);
  if (rows.lanes == 8) return differentiate_rows<8, Followed::kByNothing>(x, dy, dx, rows, by, rule);
  return differentiate_rows<0, Followed::kByNothing>(x, dy, dx, rows, by, rule);
}

memory::desc channels_last_desc(const Shape& shape) {
  memory::dims strides(static_cast<std::size_t>(shape.rank()));
  std::int64_t stride = shape[1];
  for (int axis = shape.rank() - 1; axis > 1; --axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= shape[axis];
  }
  strides[1] = 1;
  strides[0] = stride;
  return {shape.extents(), memory::data_type::f32, strides};
}

std::optional<ChannelGrid> ChannelGrid::of(const Shape& shape, const memory::desc& desc) {
  ChannelGrid grid{.images = shape[0], .channels = shape[1]};
  for (int axis = 2; axis < shape.rank(); ++axis) grid.places *= shape[axis];
  const auto is = [&](memory::format_tag tag) {
    return shape.rank() == 4 && desc == memory::desc(shape.extents(), memory::data_type::f32, tag);
  };
  if (desc == channels_last_desc(shape)) {
    grid.row_stride = grid.channels;
    grid.block_stride = grid.block_channels;
    grid.blocks = (grid.channels + grid.block_channels - 1) / grid.block_channels;
    grid.image_stride = grid.places * grid.channels;
    return grid;
  }
  if (!is(memory::format_tag::aBcd16b) && !is(memory::format_tag::aBcd8b)) return std::nullopt;
  if (is(memory::format_tag::aBcd8b)) grid.block_channels = 8;
  grid.padded = true;
  grid.row_stride = grid.block_channels;
  grid.block_stride = grid.places * grid.block_channels;
  grid.blocks = (grid.channels + grid.block_channels - 1) / grid.block_channels;
  grid.image_stride = grid.blocks * grid.block_stride;
  return grid;
}

std::int64_t ChannelGrid::channels_of(std::int64_t block) const {
  return std::min(block_channels, channels - block * block_channels);
}

}  // namespace poseidon::cpu
