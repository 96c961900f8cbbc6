// Softmax and multinomial logistic loss. A label out of range is found on the device, and told when the host looks
// next.

#include <algorithm>
#include <cfloat>

#include "poseidon/backend/cuda/bad_label.h"
#include "poseidon/backend/cuda/operations.h"
#include "poseidon/backend/cuda/softmax.h"

namespace poseidon::cuda {
namespace {

/// What forward leaves on the device.
struct LossState {
  float counted = 0;    ///< labels that were not ignored
  float bad_label = 0;  ///< one that is out of range
  float bad_labels = 0;
};

struct LossSum {
  double loss = 0;
  float counted = 0, bad_label = 0, bad_labels = 0;
  POSEIDON_DEVICE void add(const LossSum& other) {
    loss += other.loss;
    counted += other.counted;
    if (other.bad_labels > 0) bad_label = other.bad_label;
    bad_labels += other.bad_labels;
  }
};

/// Labels as the operation was told to take them.
struct Labels {
  const float* labels;
  bool ignores;
  int ignored;
  int classes;
  /// Below 0 where the label is to be ignored, or out of range.
  [[nodiscard]] POSEIDON_DEVICE int at(std::uint32_t position) const {
    const int label = static_cast<int>(labels[position]);
    return (ignores && label == ignored) || label >= classes ? -1 : label;
  }
  [[nodiscard]] POSEIDON_DEVICE bool is_bad(std::uint32_t position) const {
    const int label = static_cast<int>(labels[position]);
    return !(ignores && label == ignored) && (label < 0 || label >= classes);
  }
};

template <class T>
struct Probabilities {
  Grid from_grid, to_grid;
  const T* scores;
  const ExponentialSum* sums;
  float* probabilities;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace at = place_of(to_grid, i);
    probabilities[i] =
        probability(to_float(scores[from_grid.offset(at.n, at.c, at.place)]), sums[at.n * to_grid.places + at.place]);
  }
};

struct PositionLoss {
  Grid grid;  ///< of the probabilities
  Labels labels;
  const float* probabilities;
  POSEIDON_DEVICE LossSum operator()(std::uint32_t /*output*/, std::uint32_t position) const {
    if (labels.is_bad(position)) return {0, 0, labels.labels[position], 1};
    const int label = labels.at(position);
    if (label < 0) return {};
    const float p =
        probabilities[grid.offset(position / grid.places, static_cast<std::uint32_t>(label), position % grid.places)];
    // Not a maximum: it would hide that the scores are no numbers.
    return {-log(static_cast<double>(p < FLT_MIN ? FLT_MIN : p)), 1, 0, 0};
  }
};

struct StoreLoss {
  float divisor;  ///< 0: by the labels that count
  float* loss;
  LossState* state;
  POSEIDON_DEVICE void operator()(std::uint32_t /*output*/, const LossSum& sum) const {
    const double by = divisor > 0 ? divisor : (sum.counted > 1 ? sum.counted : 1);
    *loss = static_cast<float>(sum.loss / by);
    *state = {sum.counted, sum.bad_label, sum.bad_labels};
  }
};

template <class T>
struct ScoreGradient {
  Grid from_grid, to_grid;
  Labels labels;
  const float* probabilities;
  const LossState* state;
  float factor, divisor;
  T* gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace at = place_of(to_grid, i);
    const int label = labels.at(at.n * to_grid.places + at.place);
    const float by = divisor > 0 ? divisor : (state->counted > 1 ? state->counted : 1);
    const float own = static_cast<int>(at.c) == label ? 1.0F : 0.0F;
    const float p = probabilities[from_grid.offset(at.n, at.c, at.place)];
    gradient[i] = from_float<T>(label < 0 ? 0.0F : factor / by * (p - own));
  }
};

class CudaSoftmaxLoss final : public SoftmaxLossOperation {
 public:
  CudaSoftmaxLoss(const Context& context, const SoftmaxLossOptions& options, const TensorDescription& input)
      : device_(context.device),
        options_(options),
        input_(input),
        grid_(grid_of(input)),
        plain_(grid_of(input.shape, Order::kRowMajor)),
        sums_(device_, positions() * sizeof(ExponentialSum)),
        host_state_(device_, sizeof(LossState), MemoryPlace::kHost),
        seen_(reinterpret_cast<LossState*>(host_state_.data())),
        state_(device_, sizeof(LossState)) {
    *seen_ = {};
  }

  // The loss was copied after what the host looks at here.
  void check() const override {
    if (seen_->bad_labels != 0) refuse_label(seen_->bad_label, plain_.channels);
  }

  void forward(const Tensor& input, const Tensor& labels, Tensor& probabilities, Tensor& loss) override {
    auto* const sums = reinterpret_cast<ExponentialSum*>(sums_.data());
    with_element(arrangement_of(input_).element, [&](auto zero) {
      using T = decltype(zero);
      sum_exponentials(device_, grid_, elements_of<T>(input), sums);
      for_each(device_, input.count(),
               Probabilities<T>{grid_, plain_, elements_of<T>(input), sums, probabilities.data()});
    });
    fold<LossSum>(device_, Along::kInputs, 1, static_cast<std::int64_t>(positions()),
                  PositionLoss{plain_, labels_of(labels), probabilities.data()},
                  StoreLoss{divisor(), loss.data(), state()});
    device_.copy_to_host(Lane::kCompute, seen_, state(), sizeof(LossState));
  }

  void backward(const Tensor& probabilities, const Tensor& labels, double factor, Tensor& input_gradient) override {
    with_element(arrangement_of(input_).element, [&](auto zero) {
      using T = decltype(zero);
      for_each(device_, input_gradient.count(),
               ScoreGradient<T>{plain_, grid_, labels_of(labels), probabilities.data(), state(),
                                static_cast<float>(factor), divisor(), elements_of<T>(input_gradient)});
    });
  }

 private:
  [[nodiscard]] std::size_t positions() const { return std::size_t{plain_.batch} * plain_.places; }
  LossState* state() { return reinterpret_cast<LossState*>(state_.data()); }

  [[nodiscard]] Labels labels_of(const Tensor& labels) const {
    return {labels.data(), options_.ignored_label.has_value(), static_cast<int>(options_.ignored_label.value_or(0)),
            static_cast<int>(plain_.channels)};
  }

  /// 0: by the labels that count.
  [[nodiscard]] float divisor() const {
    switch (options_.normalisation) {
      case SoftmaxLossOptions::Normalisation::kFull:
        return static_cast<float>(positions());
      case SoftmaxLossOptions::Normalisation::kValid:
        return 0;
      case SoftmaxLossOptions::Normalisation::kBatch:
        return static_cast<float>(plain_.batch);
      case SoftmaxLossOptions::Normalisation::kNone:
        break;
    }
    return 1;
  }

  Device& device_;
  const SoftmaxLossOptions options_;
  const TensorDescription input_;
  const Grid grid_, plain_;
  DeviceMemory sums_;
  DeviceMemory host_state_;  ///< outlives the state, whose release waits for copies of it
  LossState* const seen_;    ///< there
  DeviceMemory state_;
};

}  // namespace

std::unique_ptr<SoftmaxLossOperation> make_softmax_loss(const Context& context, const SoftmaxLossOptions& options,
                                                        const TensorDescription& input) {
  return std::make_unique<CudaSoftmaxLoss>(context, options, input);
}

}  // namespace poseidon::cuda
