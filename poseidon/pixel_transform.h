#pragma once

// Images as bytes, and what is done to make numbers of them. A quarter of what the numbers take: so they go to devices
// that can do the rest.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "poseidon/shape.h"

namespace poseidon {

/// Of each pixel its mean is subtracted, and the difference multiplied (Caffe's transform_param).
struct PixelTransform {
  Shape whole;              ///< channels x height x width, of which an image is a part
  std::vector<float> mean;  ///< of every pixel of the whole
  float scale = 1;
};

/// Which part of the whole an image is. A mirrored one is turned about last, its pixels are as they are in the whole.
struct ImagePart {
  std::int32_t top = 0, left = 0;
  std::int32_t mirrored = 0;
};

/// How the pixels and the parts of a batch lie in one row-major tensor of floats: the bytes, then the parts.
struct PackedPixels {
  explicit PackedPixels(const Shape& images)
      : pixels(static_cast<std::size_t>(images.count())),
        parts_begin((pixels + sizeof(float) - 1) / sizeof(float)),
        floats(parts_begin + static_cast<std::size_t>(images[0]) * (sizeof(ImagePart) / sizeof(float))) {}
  std::size_t pixels;       ///< bytes
  std::size_t parts_begin;  ///< in floats
  std::size_t floats;       ///< of all
};

}  // namespace poseidon
