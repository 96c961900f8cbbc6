#pragma once

// A GPU as a device, by cuDNN, cuBLASLt and kernels of our own. Made and used by one worker's thread. Operations are
// queued and return before they are done.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "poseidon/backend.h"
#include "poseidon/backend/cuda/cuda_group.h"
#include "poseidon/backend/cuda/operations.h"
#include "poseidon/backend/cuda/transfer_recorder.h"

namespace poseidon {

struct CudaOptions {
  int device = 0;
  cuda::Precision precision = cuda::Precision::kFp32;
  std::string plan_folder;  ///< where the fastest ways to compute are remembered; empty: nowhere
  /// Is told what makes the device slower than it could be; may be empty.
  std::function<void(const std::string&)> tell = {};
  /// Of the devices of all workers of the process, where they add up among themselves, and which this one is there.
  std::shared_ptr<cuda::Collective> collective = nullptr;
  int member = 0;
};

/// fp32, tf32 or bf16. Throws bosen::Error(kUsage) with the reason alone.
[[nodiscard]] cuda::Precision precision_named(const std::string& name);

class CudaBackend final : public Backend {
 public:
  /// The device for a worker where none is named: they are dealt out by the workers' numbers in the job, which are
  /// consecutive on a host. 0 where there is none.
  [[nodiscard]] static int device_of(int worker);

  /// Throws bosen::Error(kDevice).
  explicit CudaBackend(const CudaOptions& options);
  ~CudaBackend() override;

  [[nodiscard]] std::string name() const override;
  [[nodiscard]] std::shared_ptr<Memory> allocate(std::size_t bytes) override;
  void upload(std::span<const float> from, Tensor& to) override;
  void download(const Tensor& from, std::span<float> to) override;
  [[nodiscard]] float* host_data(Tensor& tensor) override;
  void copy(const Tensor& from, Tensor& to) override;
  void synchronize() override;
  [[nodiscard]] std::size_t peak_memory_bytes() const override { return device_.peak_bytes(); }
  [[nodiscard]] std::shared_ptr<Memory> allocate_host(std::size_t bytes) override;
  Ticket begin_download(const Tensor& from, std::span<float> to) override;
  Ticket begin_upload(std::span<const float> from, Tensor& to, UploadOrder order) override;
  void follow(Ticket ticket) override;
  [[nodiscard]] bool is_past(Ticket ticket) override;
  void await(Ticket ticket) override;
  [[nodiscard]] DeviceGroup* group() override { return own_group(); }
  [[nodiscard]] std::unique_ptr<Stopwatch> stopwatch() override;
  [[nodiscard]] bool works_beside_host() const override { return true; }
  void record_transfers() override;
  [[nodiscard]] std::vector<DeviceTransfer> take_transfers() override;
  void fill(Tensor& tensor, float value) override;
  void add_scaled(double a, const Tensor& x, Tensor& y) override;
  void add_running(double decay, std::span<const RunningSum> sums) override;
  void read_running(const Tensor& sum, const Tensor& weight, float otherwise, Tensor& mean) override;
  [[nodiscard]] double sum_of_squares(const Tensor& tensor) override;
  [[nodiscard]] std::unique_ptr<SquareSumsOperation> sums_of_squares(std::vector<const Tensor*> tensors) override;
  [[nodiscard]] std::unique_ptr<RepeatedWork> repeated(std::function<void()> ask) override;
  void multiply_factors(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient) override;
  void sum_rows(const Tensor& output_gradient, Tensor& bias_gradient) override;
  void update(const UpdateRule& rule, std::span<const UpdateTarget> targets) override;

  std::unique_ptr<PixelOperation> pixels(const PixelTransform& transform, const Shape& images) override;
  [[nodiscard]] bool takes_pixels() const override { return true; }
  [[nodiscard]] bool fuses_relu() const override { return true; }
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
  class Products;

  [[nodiscard]] cuda::Group* own_group() { return group_ ? &*group_ : nullptr; }
  /// Until all that was asked of it is done.
  void await_lane(cuda::Lane lane);
  Ticket begin_copy(Ticket::Way way, void* to, const void* from, std::size_t bytes);

  cuda::Device device_;
  const std::function<void(const std::string&)> tell_;
  bool told_of_recording_ = false;
  const cuda::Context context_;
  std::optional<cuda::Group> group_;
  std::unique_ptr<Products> products_;                  ///< of sufficient factors, by their shapes
  std::shared_ptr<cuda::DeviceMemory> sum_, host_sum_;  ///< of one tensor's squares
  std::optional<cuda::TransferRecorder> recorder_;      ///< where somebody asked for it
};

}  // namespace poseidon
