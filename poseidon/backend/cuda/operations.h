#pragma once

// What CudaBackend makes, one operation a file.

#include <memory>
#include <span>

#include "poseidon/backend.h"
#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/layout.h"

namespace poseidon::cuda {

/// How matrix products and convolutions are computed. Parameters, their gradients and what solvers keep are float
/// always; activations are bfloat16 with kBf16, else float.
enum class Precision { kFp32, kTf32, kBf16 };

/// What operations share: the device, and how they compute.
struct Context {
  Device& device;
  Precision precision = Precision::kFp32;
  /// Of activations that have channels and places.
  Arrangement activations;

  [[nodiscard]] TensorDescription activation(const Shape& shape) const { return arranged(shape, activations); }
};

enum class MemoryPlace {
  kDevice,
  kHost,  ///< which the device copies from and to by itself
};

/// Memory that a device has given, freed with it.
class DeviceMemory final : public Memory {
 public:
  DeviceMemory(Device& device, std::size_t bytes, MemoryPlace place = MemoryPlace::kDevice)
      : device_(device),
        place_(place),
        data_(static_cast<std::byte*>(place == MemoryPlace::kDevice ? device.allocate(bytes)
                                                                    : device.allocate_host(bytes))),
        bytes_(bytes) {}
  ~DeviceMemory() override {
    if (place_ == MemoryPlace::kDevice) {
      device_.release(data_);
    } else {
      device_.release_host(data_);
    }
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  [[nodiscard]] std::byte* data() override { return data_; }
  [[nodiscard]] std::size_t bytes() const override { return bytes_; }

 private:
  Device& device_;
  const MemoryPlace place_;
  std::byte* data_;
  std::size_t bytes_;
};

/// A tensor of an operation's own.
[[nodiscard]] Tensor make_tensor(Device& device, TensorDescription description);

/// Copies element by element between arrangements; shapes are the same, or one of the two is row-major and has as many
/// elements.
void rearrange(Device& device, const Tensor& from, Tensor& to);

/// As many channels, or a few more, as fill whole packs of sixteen bytes.
[[nodiscard]] std::int64_t packed_channels(std::int64_t channels, Element element);
/// The tensor as `wanted`: itself where it is arranged so, else rearranged into `own`, which is made when first needed.
const Tensor& rearranged(Device& device, const Tensor& tensor, const TensorDescription& wanted, Tensor& own);

void fill(Device& device, Tensor& tensor, float value);
void add_scaled(Device& device, double a, const Tensor& x, Tensor& y);
void add_running(Device& device, double decay, std::span<const RunningSum> sums);
void read_running(Device& device, const Tensor& sum, const Tensor& weight, float otherwise, Tensor& mean);
/// sums[c] = sum over batch and places of the channel c.
void sum_channels(Device& device, const Tensor& tensor, float* sums);
/// data[n, c, place] += bias[c], where `data` is arranged so, and with `relu` then nothing below 0. No bias is 0.
void add_bias(Device& device, const float* bias, bool relu, const TensorDescription& description, void* data);
/// Zeroes the gradient where the output of a ReLU is not positive; sums[c] = what is left of the channel c.
void pass_relu(Device& device, const Tensor& output, Tensor& output_gradient, float* sums);
void update(Device& device, const UpdateRule& rule, std::span<const UpdateTarget> targets);

std::unique_ptr<ConvolutionOperation> make_convolution(const Context& context, const ConvolutionOptions& options,
                                                       const TensorDescription& input);
std::unique_ptr<InnerProductOperation> make_inner_product(const Context& context, const InnerProductOptions& options,
                                                          const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_pooling(const Context& context, const PoolingOptions& options,
                                             const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_activation(const Context& context, const ActivationOptions& options,
                                                const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_lrn(const Context& context, const LrnOptions& options,
                                         const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_softmax(const Context& context, const TensorDescription& input);
std::unique_ptr<BatchNormalisationOperation> make_batch_normalisation(const Context& context,
                                                                      const BatchNormalisationOptions& options,
                                                                      const TensorDescription& input);
std::unique_ptr<SoftmaxLossOperation> make_softmax_loss(const Context& context, const SoftmaxLossOptions& options,
                                                        const TensorDescription& input);
std::unique_ptr<DropoutOperation> make_dropout(const Context& context, double ratio, std::uint64_t seed,
                                               const TensorDescription& input);
std::unique_ptr<PixelOperation> make_pixels(const Context& context, const PixelTransform& transform,
                                            const Shape& images);
std::unique_ptr<MergeOperation> make_concat(const Context& context, int axis,
                                            std::span<const TensorDescription> inputs);
std::unique_ptr<MergeOperation> make_eltwise(const Context& context, const EltwiseOptions& options,
                                             std::span<const TensorDescription> inputs);

}  // namespace poseidon::cuda
