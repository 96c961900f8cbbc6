#pragma once

// What a device can compute. Layers ask for operations at set-up, with all shapes known, and run them often: so a
// backend can choose algorithms, arrange memory and keep plans. A backend and its operations are used by one thread.
//
// Arrangement: an operation is told how its input is arranged and says how it arranges its output
// (`output()`); gradients are arranged as their values are. Parameters are row-major always.
//
// Operations may return before the device is done; `synchronize` waits, and `download` does so itself.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bosen/error.h"
#include "poseidon/pixel_transform.h"
#include "poseidon/tensor.h"

namespace poseidon {

/// Sliding windows over height and width.
struct Window {
  std::int64_t kernel_height = 1, kernel_width = 1;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t pad_height = 0, pad_width = 0;
};

class ConvolutionOperation {
 public:
  virtual ~ConvolutionOperation() = default;
  [[nodiscard]] virtual const TensorDescription& output() const = 0;
  /// `bias` may be null.
  virtual void forward(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output) = 0;
  virtual void backward_input(const Tensor& output_gradient, const Tensor& weight, Tensor& input_gradient) = 0;
  virtual void backward_parameters(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient,
                                   Tensor* bias_gradient) = 0;
  /// Where a ReLU is part of it, before the other two: makes the gradient by its output that by what the ReLU was
  /// given, and of that the bias's gradient (which may be null).
  virtual void backward_relu(const Tensor& /*output*/, Tensor& /*output_gradient*/, Tensor* /*bias_gradient*/) {}
};

struct ConvolutionOptions {
  std::int64_t outputs = 0;
  std::int64_t groups = 1;
  std::int64_t dilation = 1;
  Window window = {};
  bool bias = true;
  bool relu = false;  ///< the output's; see Backend::fuses_relu
};

/// Fully connected: output (batch x outputs) = input (batch x inputs) * weight^T + bias; weight is outputs x inputs.
class InnerProductOperation {
 public:
  virtual ~InnerProductOperation() = default;
  [[nodiscard]] virtual const TensorDescription& output() const = 0;
  virtual void forward(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output) = 0;
  virtual void backward_input(const Tensor& output_gradient, const Tensor& weight, Tensor& input_gradient) = 0;
  virtual void backward_parameters(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient,
                                   Tensor* bias_gradient) = 0;
  /// As ConvolutionOperation's.
  virtual void backward_relu(const Tensor& /*output*/, Tensor& /*output_gradient*/, Tensor* /*bias_gradient*/) {}
  /// The input of the last forward as row-major batch x inputs; valid until the next.
  [[nodiscard]] virtual const Tensor& flat_input() const = 0;
};

struct InnerProductOptions {
  std::int64_t outputs = 0;
  bool relu = false;  ///< the output's; see Backend::fuses_relu
};

/// One tensor in, one out: pooling, activations, LRN, softmax.
class UnaryOperation {
 public:
  virtual ~UnaryOperation() = default;
  [[nodiscard]] virtual const TensorDescription& output() const = 0;
  virtual void forward(const Tensor& input, Tensor& output) = 0;
  /// Gets both values of the last forward; `input` is the output where it was computed in place.
  virtual void backward(const Tensor& input, const Tensor& output, const Tensor& output_gradient,
                        Tensor& input_gradient) = 0;
};

struct PoolingOptions {
  enum class Method { kMax, kAverage };
  Method method = Method::kMax;
  Window window;         ///< the whole image where global pooling is meant
  bool round_up = true;  ///< extents of the output, as Caffe does
};

/// Of what pooling makes of images, by Caffe's rule: where either axis is padded, windows that would start in the
/// padding after the image are left out on both. Extents below 1 where a window does not fit.
Shape pooled_shape(const PoolingOptions& options, const Shape& input);

enum class ActivationKind { kRelu, kLeakyRelu, kSigmoid, kTanh };

struct ActivationOptions {
  ActivationKind kind = ActivationKind::kRelu;
  double negative_slope = 0;  ///< leaky ReLU; below 0 `backward` has to look at the input, which is kept then
};

/// output = input / (k + alpha / n * sum of squares)^beta; n = size across channels, size^2 within one.
struct LrnOptions {
  enum class Region { kAcrossChannels, kWithinChannel };
  Region region = Region::kAcrossChannels;
  std::int64_t size = 5;
  double alpha = 1, beta = 0.75, k = 1;
};

/// Normalises each channel (Ioffe & Szegedy 2015), with scale and shift where both are given.
class BatchNormalisationOperation {
 public:
  virtual ~BatchNormalisationOperation() = default;
  [[nodiscard]] virtual const TensorDescription& output() const = 0;
  /// By the batch's own statistics, which are written to `mean` and `variance` (biased).
  virtual void forward_train(const Tensor& input, const Tensor* scale, const Tensor* shift, Tensor& mean,
                             Tensor& variance, Tensor& output) = 0;
  /// By statistics given.
  virtual void forward_test(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                            const Tensor& variance, Tensor& output) = 0;
  /// With mean and variance of the last forward_train. Gradients of scale and shift where they are not null.
  virtual void backward(const Tensor& input, const Tensor* scale, const Tensor* shift, const Tensor& mean,
                        const Tensor& variance, const Tensor& output_gradient, Tensor& input_gradient,
                        Tensor* scale_gradient, Tensor* shift_gradient) = 0;
};

struct BatchNormalisationOptions {
  double epsilon = 1e-5;
  bool relu = false;  ///< the output's; see Backend::fuses_relu
};

struct SoftmaxLossOptions {
  /// By what the sum of losses is divided: all positions, those whose label is not ignored, the batch, nothing.
  enum class Normalisation { kFull, kValid, kBatch, kNone };
  Normalisation normalisation = Normalisation::kValid;
  std::optional<std::int64_t> ignored_label = {};
};

/// Multinomial logistic loss of the softmax over axis 1.
class SoftmaxLossOperation {
 public:
  virtual ~SoftmaxLossOperation() = default;
  /// Throws bosen::Error(kData) where a label of the last forward, whose loss has been waited for, is out of range and
  /// `forward` could not know.
  virtual void check() const {}
  /// `loss` has one element; `probabilities` is arranged row-major and as large as the input.
  virtual void forward(const Tensor& input, const Tensor& labels, Tensor& probabilities, Tensor& loss) = 0;
  /// `factor` scales the gradient (the loss weight).
  virtual void backward(const Tensor& probabilities, const Tensor& labels, double factor, Tensor& input_gradient) = 0;
};

/// Zeroes a share of the elements and scales the others by 1 / (1 - ratio). The mask is a pure function of seed and
/// step.
class DropoutOperation {
 public:
  virtual ~DropoutOperation() = default;
  virtual void forward(const Tensor& input, std::uint64_t step, Tensor& output) = 0;
  virtual void backward(const Tensor& output_gradient, std::uint64_t step, Tensor& input_gradient) = 0;
};

/// Several tensors to one: concatenation, element-wise sum, product, maximum.
class MergeOperation {
 public:
  virtual ~MergeOperation() = default;
  [[nodiscard]] virtual const TensorDescription& output() const = 0;
  virtual void forward(std::span<const Tensor* const> inputs, Tensor& output) = 0;
  /// Gradients that nobody needs are null.
  virtual void backward(std::span<const Tensor* const> inputs, const Tensor& output, const Tensor& output_gradient,
                        std::span<Tensor* const> input_gradients) = 0;
};

struct EltwiseOptions {
  enum class Operation { kProduct, kSum, kMaximum };
  Operation operation = Operation::kSum;
  std::vector<double> coefficients = {};  ///< of a sum; empty: all 1
  bool relu = false;                      ///< the output's, of a sum; see Backend::fuses_relu
};

/// Of several inputs that are a maximum the first in this order gets its gradient: the second input, the first, and
/// then as they stand, as in Caffe.
inline std::size_t maximum_order(std::size_t place, std::size_t inputs) {
  return inputs > 1 && place < 2 ? 1 - place : place;
}

/// Makes the images of a batch.
class PixelOperation {
 public:
  virtual ~PixelOperation() = default;
  /// `packed` as PackedPixels has it; `images` is row-major.
  virtual void run(const Tensor& packed, Tensor& images) = 0;
};

/// One step of a solver on one tensor; `history` has as many tensors as the rule keeps (history_count).
struct UpdateRule {
  enum class Kind { kSgd, kNesterov, kAdaGrad, kRmsProp, kAdaDelta, kAdam };
  /// What the decay pulls with: the value (L2), or its sign (L1).
  enum class Decay { kL2, kL1 };
  Kind kind = Kind::kSgd;
  double momentum = 0;       ///< sgd, nesterov; beta1 of adam; of rmsprop's and adadelta's means of squares
  double momentum2 = 0.999;  ///< beta2 of adam
  double epsilon = 1e-8;     ///< all but sgd and nesterov
  Decay decay = Decay::kL2;
};
[[nodiscard]] int history_count(UpdateRule::Kind kind);

struct UpdateStep {
  double rate = 0;             ///< learning rate, the parameter's factor included
  double decay = 0;            ///< weight decay, the parameter's factor included
  double gradient_factor = 1;  ///< of the gradient, before the decay is added
  std::int64_t iteration = 0;  ///< from 0
};

/// What one update touches.
struct UpdateTarget {
  Tensor* value = nullptr;
  const Tensor* gradient = nullptr;
  std::span<Tensor> history;
  UpdateStep step;
};

/// Sums of the squares of some tensors' elements, tensor by tensor.
class SquareSumsOperation {
 public:
  virtual ~SquareSumsOperation() = default;
  /// Of what the tensors hold once all that was asked for before is done.
  virtual void begin() = 0;
  /// Whether `await` would return at once.
  [[nodiscard]] virtual bool is_done() = 0;
  /// In the order of the tensors; valid until the next `begin`.
  [[nodiscard]] virtual std::span<const double> await() = 0;
};

/// Work that a device is asked for again and again in the same way.
class RepeatedWork {
 public:
  virtual ~RepeatedWork() = default;
  /// Asks for it once more.
  virtual void run() = 0;
};

/// A copy that a device makes beside its computation. The default is none, which is past.
struct Ticket {
  enum class Way { kToHost, kToDevice };
  Way way = Way::kToHost;
  std::uint64_t number = 0;
};

/// When a copy to the device may be made.
enum class UploadOrder {
  kAtOnce,   ///< nothing that was asked for before uses the tensor
  kInOrder,  ///< after all that was asked for before
};

/// Moments of a device's work.
class Stopwatch {
 public:
  virtual ~Stopwatch() = default;
  /// The moment when all that was asked for before is computed.
  virtual void mark() = 0;
  /// Of the marks that are past and have not been taken, in their order: nanoseconds of the host's steady clock.
  [[nodiscard]] virtual std::vector<std::int64_t> take_past_ns() = 0;
  /// The same of all, for which it waits.
  [[nodiscard]] virtual std::vector<std::int64_t> take_all_ns() = 0;
};

/// What a device has moved beside its computation, by the host's steady clock: from or to the host, or among the
/// devices of its group, on the way there or from there.
struct DeviceTransfer {
  enum class Kind : std::uint8_t { kCopy, kReduce, kBroadcast };
  Ticket::Way way = Ticket::Way::kToHost;
  Kind kind = Kind::kCopy;
  std::size_t bytes = 0;
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
};

/// A sum over time, in which what is older counts less.
struct RunningSum {
  Tensor* sum = nullptr;
  const Tensor* value = nullptr;
  double factor = 1;  ///< of the value
};

/// There is not as much memory as was asked for: how much, and how much is free.
class OutOfMemory final : public bosen::Error {
 public:
  explicit OutOfMemory(const std::string& message)
      : Error(bosen::ErrorKind::kDevice, message + ": take a smaller batch") {}
};

class DeviceGroup;

class Backend {
 public:
  virtual ~Backend() = default;
  /// "cpu", "cuda:0".
  [[nodiscard]] virtual std::string name() const = 0;

  /// Zeroed. Throws OutOfMemory.
  [[nodiscard]] virtual std::shared_ptr<Memory> allocate(std::size_t bytes) = 0;
  [[nodiscard]] Tensor make(TensorDescription description) {
    auto memory = allocate(description.bytes);
    return {std::move(description), std::move(memory)};
  }

  /// Between row-major host memory, of as many elements, and a tensor of any arrangement.
  virtual void upload(std::span<const float> from, Tensor& to) = 0;
  virtual void download(const Tensor& from, std::span<float> to) = 0;
  /// The elements of a row-major tensor where the host reads and writes the device's memory itself, else nullptr.
  [[nodiscard]] virtual float* host_data(Tensor& tensor) = 0;
  /// Copies or rearranges; shapes have as many elements.
  virtual void copy(const Tensor& from, Tensor& to) = 0;
  virtual void synchronize() = 0;
  /// Most of its memory that was taken at any time, where a device has memory of its own; else 0.
  [[nodiscard]] virtual std::size_t peak_memory_bytes() const { return 0; }

  /// `ask` asks for the same work on the same memory each time, waits for nothing of it, and copies nothing beside the
  /// computation. Some devices are faster at the whole of it than at its parts, and do not call `ask` each time.
  [[nodiscard]] virtual std::unique_ptr<RepeatedWork> repeated(std::function<void()> ask);

  // Copies beside the computation, between row-major tensors and memory of `allocate_host`. As they stand here they are
  // those of a device that does everything at once.
  /// Memory of the host that the device copies from and to by itself; whatever it is, the host reads and writes it.
  [[nodiscard]] virtual std::shared_ptr<Memory> allocate_host(std::size_t bytes);
  /// Copies what `from` holds once all that was asked for before is done. Nothing may change it until that is past.
  virtual Ticket begin_download(const Tensor& from, std::span<float> to);
  /// `from` stays as it is until the copy, or a download that was begun later, is past.
  virtual Ticket begin_upload(std::span<const float> from, Tensor& to, UploadOrder order);
  /// What is asked for from now on comes after the copy.
  virtual void follow(Ticket ticket);
  [[nodiscard]] virtual bool is_past(Ticket ticket);
  virtual void await(Ticket ticket);

  /// The devices of the workers of this process, where they add up among themselves; else nullptr.
  [[nodiscard]] virtual DeviceGroup* group() { return nullptr; }

  // For measuring.
  [[nodiscard]] virtual std::unique_ptr<Stopwatch> stopwatch();
  /// Whether the device computes and copies beside the host, so that its times are not the host's.
  [[nodiscard]] virtual bool works_beside_host() const { return false; }
  /// From now on remembers when something was moved beside the computation.
  virtual void record_transfers() {}
  /// What is past and has not been taken.
  [[nodiscard]] virtual std::vector<DeviceTransfer> take_transfers() { return {}; }

  virtual void fill(Tensor& tensor, float value) = 0;
  /// y += a * x, arranged alike.
  virtual void add_scaled(double a, const Tensor& x, Tensor& y) = 0;
  /// sum = decay * sum + factor * value, for each; all are row-major.
  virtual void add_running(double decay, std::span<const RunningSum> sums);
  /// mean = sum / weight, which has one element; `otherwise` where that is 0. All are row-major.
  virtual void read_running(const Tensor& sum, const Tensor& weight, float otherwise, Tensor& mean);
  /// Waits for the device.
  [[nodiscard]] virtual double sum_of_squares(const Tensor& tensor) = 0;
  /// The tensors outlive it.
  [[nodiscard]] virtual std::unique_ptr<SquareSumsOperation> sums_of_squares(std::vector<const Tensor*> tensors);
  /// weight_gradient (out x in) = output_gradient^T (k x out) * input (k x in): sufficient factors put together.
  virtual void multiply_factors(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient) = 0;
  /// bias_gradient (out) = column sums of output_gradient (k x out).
  virtual void sum_rows(const Tensor& output_gradient, Tensor& bias_gradient) = 0;
  virtual void update(const UpdateRule& rule, std::span<const UpdateTarget> targets) = 0;

  /// An operation that makes images of bytes; nullptr where the host does it as well.
  virtual std::unique_ptr<PixelOperation> pixels(const PixelTransform& transform, const Shape& images);
  /// Whether there is one.
  [[nodiscard]] virtual bool takes_pixels() const { return false; }

  /// Whether convolutions, inner products, batch normalisations and sums can end with a ReLU, which then costs little.
  [[nodiscard]] virtual bool fuses_relu() const { return false; }
  /// Whether batch normalisations and sums can, which only go through memory.
  [[nodiscard]] virtual bool fuses_relu_into_passes() const { return fuses_relu(); }

  virtual std::unique_ptr<ConvolutionOperation> convolution(const ConvolutionOptions& options,
                                                            const TensorDescription& input) = 0;
  virtual std::unique_ptr<InnerProductOperation> inner_product(const InnerProductOptions& options,
                                                               const TensorDescription& input) = 0;
  virtual std::unique_ptr<UnaryOperation> pooling(const PoolingOptions& options, const TensorDescription& input) = 0;
  virtual std::unique_ptr<UnaryOperation> activation(const ActivationOptions& options,
                                                     const TensorDescription& input) = 0;
  virtual std::unique_ptr<UnaryOperation> lrn(const LrnOptions& options, const TensorDescription& input) = 0;
  virtual std::unique_ptr<UnaryOperation> softmax(const TensorDescription& input) = 0;
  virtual std::unique_ptr<BatchNormalisationOperation> batch_normalisation(const BatchNormalisationOptions& options,
                                                                           const TensorDescription& input) = 0;
  virtual std::unique_ptr<SoftmaxLossOperation> softmax_loss(const SoftmaxLossOptions& options,
                                                             const TensorDescription& input) = 0;
  virtual std::unique_ptr<DropoutOperation> dropout(double ratio, std::uint64_t seed,
                                                    const TensorDescription& input) = 0;
  virtual std::unique_ptr<MergeOperation> concat(int axis, std::span<const TensorDescription> inputs) = 0;
  virtual std::unique_ptr<MergeOperation> eltwise(const EltwiseOptions& options,
                                                  std::span<const TensorDescription> inputs) = 0;
};

}  // namespace poseidon
