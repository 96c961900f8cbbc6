#pragma once

// Channels of images as rows of neighbours in memory, so that the same loops serve all arrangements: the lanes of a row
// are channels at one place of an image.

#include <array>
#include <cstdint>
#include <optional>

#include "poseidon/backend/cpu/layout.h"

namespace poseidon::cpu {

inline constexpr std::size_t kLanes = 16;
using Lanes = std::array<float, kLanes>;

/// The places of an image, for a block of channels.
struct Rows {
  std::int64_t count = 0;
  std::int64_t stride = 0;  ///< elements from row to row
  std::size_t lanes = 0;    ///< channels of the block; at most kLanes
};

/// Where the channels of images lie that are arranged in blocks of 8 or 16 channels (oneDNN's aBcd8b and aBcd16b), or
/// with the channels last.
struct ChannelGrid {
  std::int64_t images = 0, channels = 0, places = 1;
  std::int64_t block_channels = std::int64_t{kLanes};
  std::int64_t blocks = 0;
  std::int64_t image_stride = 0, block_stride = 0, row_stride = 0;
  bool padded = false;  ///< whether the last block has room for all its channels though there are fewer

  /// Nothing where the arrangement is another one.
  static std::optional<ChannelGrid> of(const Shape& shape, const dnnl::memory::desc& desc);

  [[nodiscard]] std::int64_t offset(std::int64_t image, std::int64_t block) const {
    return image * image_stride + block * block_stride;
  }
  /// Channels of a block without padding.
  [[nodiscard]] std::int64_t channels_of(std::int64_t block) const;
  [[nodiscard]] Rows rows(std::int64_t block) const {
    const std::int64_t lanes = padded ? block_channels : channels_of(block);
    return {.count = places, .stride = row_stride, .lanes = static_cast<std::size_t>(lanes)};
  }
};

/// With the channels last.
dnnl::memory::desc channels_last_desc(const Shape& shape);

/// Of some elements of each lane.
struct Moments {
  Lanes mean{};
  Lanes squares{};  ///< the sum of squared differences from the mean
};

/// y = (x - mean) * factor + shift, lane by lane; all 0 in the padding, which so stays 0.
struct Normaliser {
  Lanes mean{}, factor{}, shift{};
};

/// What follows: a ReLU's gradient passes only where the normalised value is above 0.
enum class Followed { kByNothing, kByRelu };

/// Sums over the places of gradients by the output, and of these times x - mean.
struct GradientSums {
  Lanes gradient{}, weighted{};
};

/// An input's gradient: dx = factor * dy + slope * (x - mean) + offset, mean and factor being the normaliser's.
struct GradientRule {
  Lanes slope{}, offset{};
};

Moments moments_of(const float* x, const Rows& rows);
void normalise(const float* x, float* y, const Rows& rows, const Normaliser& by, Followed followed);
GradientSums gradient_sums_of(const float* x, const float* dy, const Rows& rows, const Normaliser& by,
                              Followed followed);
void differentiate(const float* x, const float* dy, float* dx, const Rows& rows, const Normaliser& by,
                   const GradientRule& rule, Followed followed);

}  // namespace poseidon::cpu
