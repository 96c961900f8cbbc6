// Images from bytes: mirrored, less the mean, scaled.

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/layout.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

struct MakeImage {
  Divisor by_width, by_height, by_channels;
  std::uint32_t channels, height, width;  ///< of the image
  std::uint32_t whole_height, whole_width;
  float scale;
  const std::uint8_t* pixels;
  const ImagePart* parts;
  const float* mean;
  float* images;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const std::uint32_t row = by_width.quotient(i);
    const std::uint32_t plane = by_height.quotient(row);
    const std::uint32_t n = by_channels.quotient(plane);
    const ImagePart part = parts[n];
    const std::uint32_t x = i - row * width;
    const std::uint32_t column = part.mirrored != 0 ? width - 1 - x : x;
    const std::uint32_t y = row - plane * height + static_cast<std::uint32_t>(part.top);
    const std::uint32_t c = plane - n * channels;
    const float expected = mean[(c * whole_height + y) * whole_width + static_cast<std::uint32_t>(part.left) + column];
    images[i] = (static_cast<float>(pixels[row * width + column]) - expected) * scale;
  }
};

class CudaPixels final : public PixelOperation {
 public:
  CudaPixels(const Context& context, const PixelTransform& transform, const Shape& images)
      : device_(context.device),
        transform_(transform),
        shape_(images),
        packed_(images),
        mean_(make_tensor(device_, TensorDescription::row_major(transform.whole))) {
    device_.copy_to_device(Lane::kCompute, mean_.data(), transform_.mean.data(),
                           transform_.mean.size() * sizeof(float));
  }

  void run(const Tensor& packed, Tensor& images) override {
    const auto divisor = [](std::int64_t number) { return Divisor(static_cast<std::uint32_t>(number)); };
    const auto narrow = [](std::int64_t number) { return static_cast<std::uint32_t>(number); };
    for_each(device_, shape_.count(),
             MakeImage{.by_width = divisor(shape_[3]),
                       .by_height = divisor(shape_[2]),
                       .by_channels = divisor(shape_[1]),
                       .channels = narrow(shape_[1]),
                       .height = narrow(shape_[2]),
                       .width = narrow(shape_[3]),
                       .whole_height = narrow(transform_.whole[1]),
                       .whole_width = narrow(transform_.whole[2]),
                       .scale = transform_.scale,
                       .pixels = reinterpret_cast<const std::uint8_t*>(packed.data()),
                       .parts = reinterpret_cast<const ImagePart*>(packed.data() + packed_.parts_begin),
                       .mean = mean_.data(),
                       .images = images.data()});
  }

 private:
  Device& device_;
  const PixelTransform transform_;
  const Shape shape_;
  const PackedPixels packed_;
  Tensor mean_;
};

}  // namespace

std::unique_ptr<PixelOperation> make_pixels(const Context& context, const PixelTransform& transform,
                                            const Shape& images) {
  return std::make_unique<CudaPixels>(context, transform, images);
}

}  // namespace poseidon::cuda
