// Batch normalisation, block of channels by block. oneDNN's own makes its threads meet at barriers at which they wait
// in a loop, several times for each block: where a core is somebody else's for a moment all of them stand still.

#include <cmath>
#include <utility>
#include <vector>

#include "poseidon/backend/cpu/channels.h"
#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

using dnnl::memory;

/// The arrangement to work in: the input's own, where its channels lie together.
memory::desc working_desc(const TensorDescription& input) {
  const memory::desc desc = desc_of(input);
  return ChannelGrid::of(input.shape, desc) ? desc : channels_last_desc(input.shape);
}

class CpuBatchNormalisation final : public BatchNormalisationOperation {
 public:
  CpuBatchNormalisation(const Device& device, const BatchNormalisationOptions& options, const TensorDescription& input)
      : device_(device),
        epsilon_(options.epsilon),
        followed_(options.relu ? Followed::kByRelu : Followed::kByNothing),
        output_(input),
        grid_(*ChannelGrid::of(input.shape, working_desc(input))),
        normalisers_(static_cast<std::size_t>(grid_.blocks)),
        rules_(normalisers_.size()),
        moments_(static_cast<std::size_t>(grid_.blocks * grid_.images)),
        sums_(moments_.size()) {
    const memory::desc own = desc_of(input);
    const memory::desc working = working_desc(input);
    for (Argument* argument : {&input_, &result_, &output_gradient_, &input_gradient_})
      *argument = Argument(device, own, working);
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward_train(const Tensor& input, const Tensor* scale, const Tensor* shift, Tensor& mean, Tensor& variance,
                     Tensor& output) override {
    const float* const x = data_of(input_.input(device_, input));
    float* const y = data_of(result_.output(output));
    in_two_passes(
        [&](std::int64_t image, std::int64_t block) {
          moments_[place(image, block)] = moments_of(x + grid_.offset(image, block), grid_.rows(block));
        },
        [&](std::int64_t block) {
          gather_moments(block, mean.data(), variance.data());
          set_normaliser(block, scale, shift, mean, variance);
        },
        [&](std::int64_t image, std::int64_t block) { normalise_one(x, y, image, block); });
    result_.deliver(device_, output);
  }

  void forward_test(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                    const Tensor& variance, Tensor& output) override {
    const float* const x = data_of(input_.input(device_, input));
    float* const y = data_of(result_.output(output));
    for (std::int64_t block = 0; block < grid_.blocks; ++block) set_normaliser(block, scale, shift, mean, variance);
    over_blocks_and_images([&](std::int64_t image, std::int64_t block) { normalise_one(x, y, image, block); });
    result_.deliver(device_, output);
  }

  void backward(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                const Tensor& variance, const Tensor& output_gradient, Tensor& input_gradient, Tensor* scale_gradient,
                Tensor* shift_gradient) override {
    const float* const x = data_of(input_.input(device_, input));
    const float* const dy = data_of(output_gradient_.input(device_, output_gradient));
    float* const dx = data_of(input_gradient_.output(input_gradient));
    for (std::int64_t block = 0; block < grid_.blocks; ++block) set_normaliser(block, scale, shift, mean, variance);
    in_two_passes(
        [&](std::int64_t image, std::int64_t block) {
          const std::int64_t offset = grid_.offset(image, block);
          sums_[place(image, block)] =
              gradient_sums_of(x + offset, dy + offset, grid_.rows(block), normaliser(block), followed_);
        },
        [&](std::int64_t block) {
          gather_gradients(block, variance.data(), scale_gradient == nullptr ? nullptr : scale_gradient->data(),
                           shift_gradient == nullptr ? nullptr : shift_gradient->data());
        },
        [&](std::int64_t image, std::int64_t block) {
          const std::int64_t offset = grid_.offset(image, block);
          differentiate(x + offset, dy + offset, dx + offset, grid_.rows(block), normaliser(block),
                        rules_[static_cast<std::size_t>(block)], followed_);
        });
    input_gradient_.deliver(device_, input_gradient);
  }

 private:
  static float* data_of(const memory& memory) { return static_cast<float*>(memory.get_data_handle()); }

  [[nodiscard]] std::size_t place(std::int64_t image, std::int64_t block) const {
    return static_cast<std::size_t>(block * grid_.images + image);
  }
  [[nodiscard]] Normaliser& normaliser(std::int64_t block) { return normalisers_[static_cast<std::size_t>(block)]; }
  [[nodiscard]] bool is_small() const {
    return static_cast<std::size_t>(grid_.images * grid_.image_stride) < kParallelElements;
  }

  void normalise_one(const float* x, float* y, std::int64_t image, std::int64_t block) {
    const std::int64_t offset = grid_.offset(image, block);
    normalise(x + offset, y + offset, grid_.rows(block), normaliser(block), followed_);
  }

  template <class Work>
  void over_blocks_and_images(const Work& work) const {
#pragma omp parallel for schedule(dynamic) if (!is_small())
    for (std::int64_t i = 0; i < grid_.blocks * grid_.images; ++i) work(i % grid_.images, i / grid_.images);
  }

  /// `first` for all images of a block, then `gather` once, then `second` for all images. A thread does all of a block,
  /// which finds it in a cache the second time, where there are blocks for all threads. The order in which images are
  /// gathered is always the same, and so are the sums.
  template <class First, class Gather, class Second>
  void in_two_passes(const First& first, const Gather& gather, const Second& second) const {
    if (grid_.blocks >= omp_get_max_threads() || is_small()) {
#pragma omp parallel for schedule(dynamic) if (!is_small())
      for (std::int64_t block = 0; block < grid_.blocks; ++block) {
        for (std::int64_t image = 0; image < grid_.images; ++image) first(image, block);
        gather(block);
        for (std::int64_t image = grid_.images - 1; image >= 0; --image) second(image, block);
      }
      return;
    }
    over_blocks_and_images(first);
    for (std::int64_t block = 0; block < grid_.blocks; ++block) gather(block);
    over_blocks_and_images(second);
  }

  /// A channel's mean and variance from those of its part of each image.
  void gather_moments(std::int64_t block, float* mean, float* variance) const {
    const std::int64_t channels = grid_.channels_of(block);
    const auto images = static_cast<double>(grid_.images);
    const auto places = static_cast<double>(grid_.places);
    for (std::int64_t i = 0; i < channels; ++i) {
      const auto lane = static_cast<std::size_t>(i);
      double sum = 0, squares = 0;
      for (std::int64_t image = 0; image < grid_.images; ++image) sum += moments_[place(image, block)].mean[lane];
      const double middle = sum / images;
      for (std::int64_t image = 0; image < grid_.images; ++image) {
        const Moments& part = moments_[place(image, block)];
        const double difference = part.mean[lane] - middle;
        squares += part.squares[lane] + difference * difference * places;
      }
      const std::int64_t channel = block * grid_.block_channels + i;
      mean[channel] = static_cast<float>(middle);
      variance[channel] = static_cast<float>(squares / (images * places));
    }
  }

  void set_normaliser(std::int64_t block, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                      const Tensor& variance) {
    for (std::int64_t i = 0; i < grid_.channels_of(block); ++i) {
      const auto lane = static_cast<std::size_t>(i);
      const std::int64_t channel = block * grid_.block_channels + i;
      const double factor = 1 / std::sqrt(variance.data()[channel] + epsilon_);
      normaliser(block).mean[lane] = mean.data()[channel];
      normaliser(block).factor[lane] = static_cast<float>(factor) * (scale == nullptr ? 1 : scale->data()[channel]);
      normaliser(block).shift[lane] = shift == nullptr ? 0 : shift->data()[channel];
    }
  }

  /// Gradients of scale and shift, where they are wanted, and the rule for the input's.
  void gather_gradients(std::int64_t block, const float* variance, float* scale_gradient, float* shift_gradient) {
    const double count = static_cast<double>(grid_.images) * static_cast<double>(grid_.places);
    for (std::int64_t i = 0; i < grid_.channels_of(block); ++i) {
      const auto lane = static_cast<std::size_t>(i);
      const std::int64_t channel = block * grid_.block_channels + i;
      double gradient = 0, weighted = 0;
      for (std::int64_t image = 0; image < grid_.images; ++image) {
        gradient += sums_[place(image, block)].gradient[lane];
        weighted += sums_[place(image, block)].weighted[lane];
      }
      const double inverse = 1 / (variance[channel] + epsilon_);
      const auto factor = static_cast<double>(normaliser(block).factor[lane]);
      GradientRule& rule = rules_[static_cast<std::size_t>(block)];
      rule.slope[lane] = static_cast<float>(-factor * inverse * weighted / count);
      rule.offset[lane] = static_cast<float>(-factor * gradient / count);
      if (scale_gradient != nullptr) scale_gradient[channel] = static_cast<float>(weighted * std::sqrt(inverse));
      if (shift_gradient != nullptr) shift_gradient[channel] = static_cast<float>(gradient);
    }
  }

  const Device& device_;
  const double epsilon_;
  const Followed followed_;
  const TensorDescription output_;
  const ChannelGrid grid_;
  std::vector<Normaliser> normalisers_;  ///< of each block
  std::vector<GradientRule> rules_;      ///< of each block
  std::vector<Moments> moments_;         ///< of each block and image
  std::vector<GradientSums> sums_;       ///< of each block and image
  Argument input_, result_, output_gradient_, input_gradient_;
};

}  // namespace

std::unique_ptr<BatchNormalisationOperation> make_batch_normalisation(const Device& device,
                                                                      const BatchNormalisationOptions& options,
                                                                      const TensorDescription& input) {
  return std::make_unique<CpuBatchNormalisation>(device, options, input);
}

}  // namespace poseidon::cpu
