// Dropout by a mask that is a function of seed, step and place, so that backward makes it again instead of keeping it.

#include <cmath>

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

/// A mix of 32 bits whose every output bit depends on every input bit; short, so that loops of it vectorise.
inline std::uint32_t mixed(std::uint32_t x) {
  x ^= x >> 16;
  x *= 0x7FEB352D;
  x ^= x >> 15;
  x *= 0x846CA68B;
  x ^= x >> 16;
  return x;
}

POSEIDON_VECTORISED void drop(const float* from, float* to, std::size_t first, std::size_t end, std::uint32_t key,
                              std::uint32_t threshold, float scale) {
  for (std::size_t i = first; i < end; ++i) {
    const bool kept = mixed(static_cast<std::uint32_t>(i) ^ key) >= threshold;
    to[i] = kept ? from[i] * scale : 0.0F;
  }
}

class CpuDropout final : public DropoutOperation {
 public:
  CpuDropout(double ratio, std::uint64_t seed, const TensorDescription& input)
      : seed_(seed),
        threshold_(static_cast<std::uint32_t>(std::llround(ratio * 4294967295.0))),
        scale_(static_cast<float>(1 / (1 - ratio))),
        count_(stored_elements(input)) {}

  void forward(const Tensor& input, std::uint64_t step, Tensor& output) override {
    run(input.data(), step, output.data());
  }
  void backward(const Tensor& output_gradient, std::uint64_t step, Tensor& input_gradient) override {
    run(output_gradient.data(), step, input_gradient.data());
  }

 private:
  void run(const float* from, std::uint64_t step, float* to) const {
    std::uint64_t key = seed_ + step * 0x9E3779B97F4A7C15;
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9;
    const auto word = static_cast<std::uint32_t>(key >> 32);
    parallel(count_, [&](std::size_t first, std::size_t end) { drop(from, to, first, end, word, threshold_, scale_); });
  }

  const std::uint64_t seed_;
  const std::uint32_t threshold_;
  const float scale_;
  const std::size_t count_;
};

}  // namespace

std::unique_ptr<DropoutOperation> make_dropout(double ratio, std::uint64_t seed, const TensorDescription& input) {
  return std::make_unique<CpuDropout>(ratio, seed, input);
}

}  // namespace poseidon::cpu
