#pragma once

// The processor as a device, by oneDNN. Made and used by one worker's thread, whose share of the processor it sets.

#include "poseidon/backend.h"
#include "poseidon/backend/cpu/layout.h"

namespace poseidon {

class CpuBackend final : public Backend {
 public:
  /// `threads` compute for this worker.
  explicit CpuBackend(int threads);

  [[nodiscard]] std::string name() const override { return "cpu"; }
  [[nodiscard]] bool fuses_relu_into_passes() const override { return true; }
  [[nodiscard]] std::shared_ptr<Memory> allocate(std::size_t bytes) override;
  void upload(std::span<const float> from, Tensor& to) override;
  void download(const Tensor& from, std::span<float> to) override;
  [[nodiscard]] float* host_data(Tensor& tensor) override { return tensor.data(); }
  void copy(const Tensor& from, Tensor& to) override;
  void synchronize() override {}
  void fill(Tensor& tensor, float value) override;
  void add_scaled(double a, const Tensor& x, Tensor& y) override;
  [[nodiscard]] double sum_of_squares(const Tensor& tensor) override;
  void multiply_factors(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient) override;
  void sum_rows(const Tensor& output_gradient, Tensor& bias_gradient) override;
  void update(const UpdateRule& rule, std::span<const UpdateTarget> targets) override;

  std::unique_ptr<ConvolutionOperation> convolution(const ConvolutionOptions& options,
                                                    const TensorDescription& input) override;
  std::unique_ptr<InnerProductOperation> inner_product(const InnerProductOptions& options,
                                                       const TensorDescription& input) override;
  std::unique_ptr<UnaryOperation> pooling(const PoolingOptions& options, const TensorDescription& input) override;
  std::unique_ptr<UnaryOperation> activation(const ActivationOptions& options, const TensorDescription& input) override;
  std::unique_ptr<UnaryOperation> lrn(const LrnOptions& options, const TensorDescription& input) override;
  std::unique_ptr<UnaryOperation> softmax(const TensorDescription& input) override;
  std::unique_ptr<BatchNormalisationOperation> batch_normalisation(const BatchNormalisationOptions& options,
                                                                   const TensorDescription& input) override;
  std::unique_ptr<SoftmaxLossOperation> softmax_loss(const SoftmaxLossOptions& options,
                                                     const TensorDescription& input) override;
  std::unique_ptr<DropoutOperation> dropout(double ratio, std::uint64_t seed, const TensorDescription& input) override;
  std::unique_ptr<MergeOperation> concat(int axis, std::span<const TensorDescription> inputs) override;
  std::unique_ptr<MergeOperation> eltwise(const EltwiseOptions& options,
                                          std::span<const TensorDescription> inputs) override;

 private:
  cpu::Device device_;
};

}  // namespace poseidon
