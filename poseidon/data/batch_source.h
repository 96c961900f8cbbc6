#pragma once

// Where a net's examples come from.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "poseidon/pixel_transform.h"
#include "poseidon/shape.h"

namespace poseidon {

/// One batch, ready for the net: images row-major batch x channels x height x width, one label an image.
struct Batch {
  std::vector<float> images;
  std::vector<float> labels;
  // Instead of images, where the source was asked for pixels.
  std::vector<std::uint8_t> pixels = {};
  std::vector<ImagePart> parts = {};
};

/// Examples that a training may read: positions up to there, and a little beyond, can be counted.
inline constexpr std::int64_t kExamplesReadMax = std::int64_t{1} << 60;

/// Memory for a batch of that shape. Throws bosen::Error(kConfiguration) where there is not so much.
[[nodiscard]] Batch make_batch(const Shape& shape);

/// Hands out one worker's batches in order, read ahead by threads of its own. Used by one thread.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// Of one batch: batch x channels x height x width, as the net sees it (cropped).
  [[nodiscard]] virtual const Shape& shape() const = 0;
  /// Labels are 0 .. classes - 1.
  [[nodiscard]] virtual std::int64_t classes() const = 0;
  /// Examples of one epoch, of all workers together.
  [[nodiscard]] virtual std::int64_t examples() const = 0;
  /// The next batch; valid until the next call. Throws bosen::Error(kData) where a record is broken.
  virtual const Batch& next() = 0;
  /// Gives pixels instead of images from the next batch on, and says what makes images of them; nullptr where it has
  /// none, and goes on with images.
  virtual const PixelTransform* give_pixels() { return nullptr; }
  /// Whether all batches are the same one.
  [[nodiscard]] virtual bool repeats_one() const { return false; }
  /// Goes to a batch: the one that `next` would return after `batches` calls from the start.
  virtual void seek(std::int64_t batches) = 0;
  /// Seconds that `next` has waited so far.
  [[nodiscard]] virtual double waited_s() const = 0;
};

}  // namespace poseidon
