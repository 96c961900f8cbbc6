// Softmax and multinomial logistic loss in one pass over each position's scores.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bosen/error.h"
#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

class CpuSoftmaxLoss final : public SoftmaxLossOperation {
 public:
  CpuSoftmaxLoss(const Device& device, const SoftmaxLossOptions& options, const TensorDescription& input)
      : device_(device),
        options_(options),
        batch_(input.shape[0]),
        classes_(input.shape[1]),
        inner_(input.shape.count(2, input.shape.rank())),
        to_plain_(device, desc_of(input), plain_desc(input.shape)),
        from_plain_(device, plain_desc(input.shape), desc_of(input)),
        gradient_(from_plain_.is_needed() ? static_cast<std::size_t>(input.shape.count()) : 0) {}

  void forward(const Tensor& input, const Tensor& labels, Tensor& probabilities, Tensor& loss) override {
    const float* scores = input.data();
    float* const result = probabilities.data();
    if (to_plain_.is_needed()) {
      to_plain_.run(device_, scores, result);
      scores = result;
    }
    double sum = 0;
    counted_ = 0;
    for (std::int64_t position = 0; position < batch_ * inner_; ++position) {
      softmax(scores + offset(position), result + offset(position));
      const std::int64_t label = label_at(labels, position);
      if (label < 0) continue;
      ++counted_;
      const auto probability = static_cast<double>(result[offset(position) + label * inner_]);
      // Not std::max: it would hide that the scores are no numbers.
      sum -= std::log(probability < kSmallest ? kSmallest : probability);
    }
    *loss.data() = static_cast<float>(sum / divisor());
  }

  void backward(const Tensor& probabilities, const Tensor& labels, double factor, Tensor& input_gradient) override {
    float* const gradient = from_plain_.is_needed() ? gradient_.data() : input_gradient.data();
    const float* const source = probabilities.data();
    const auto weight = static_cast<float>(factor / divisor());
    for (std::int64_t position = 0; position < batch_ * inner_; ++position) {
      const std::int64_t label = label_at(labels, position);
      const std::int64_t first = offset(position);
      for (std::int64_t k = 0; k < classes_; ++k) {
        const float own = k == label ? 1.0F : 0.0F;
        gradient[first + k * inner_] = label < 0 ? 0.0F : weight * (source[first + k * inner_] - own);
      }
    }
    if (from_plain_.is_needed()) from_plain_.run(device_, gradient, input_gradient.data());
  }

 private:
  static constexpr double kSmallest = std::numeric_limits<float>::min();

  [[nodiscard]] std::int64_t offset(std::int64_t position) const {
    return position / inner_ * classes_ * inner_ + position % inner_;
  }

  void softmax(const float* scores, float* result) const {
    float largest = scores[0];
    for (std::int64_t k = 1; k < classes_; ++k) largest = std::max(largest, scores[k * inner_]);
    float sum = 0;
    for (std::int64_t k = 0; k < classes_; ++k) sum += result[k * inner_] = std::exp(scores[k * inner_] - largest);
    const float factor = 1 / sum;
    for (std::int64_t k = 0; k < classes_; ++k) result[k * inner_] *= factor;
  }

  /// Below 0 where the label is to be ignored.
  [[nodiscard]] std::int64_t label_at(const Tensor& labels, std::int64_t position) const {
    const auto label = static_cast<std::int64_t>(labels.data()[position]);
    if (options_.ignored_label && label == *options_.ignored_label) return -1;
    if (label < 0 || label >= classes_) {
      throw bosen::Error(
          bosen::ErrorKind::kData,
          fmt::format("label {} is out of range: the net's last layer has {} outputs, for labels 0 to {}", label,
                      classes_, classes_ - 1));
    }
    return label;
  }

  [[nodiscard]] double divisor() const {
    switch (options_.normalisation) {
      case SoftmaxLossOptions::Normalisation::kFull:
        return static_cast<double>(batch_ * inner_);
      case SoftmaxLossOptions::Normalisation::kValid:
        return static_cast<double>(std::max<std::int64_t>(1, counted_));
      case SoftmaxLossOptions::Normalisation::kBatch:
        return static_cast<double>(batch_);
      case SoftmaxLossOptions::Normalisation::kNone:
        break;
    }
    return 1;
  }

  const Device& device_;
  const SoftmaxLossOptions options_;
  const std::int64_t batch_, classes_, inner_;
  Rearranger to_plain_, from_plain_;
  std::vector<float> gradient_;
  std::int64_t counted_ = 0;  ///< labels of the last forward that were not ignored
};

}  // namespace

std::unique_ptr<SoftmaxLossOperation> make_softmax_loss(const Device& device, const SoftmaxLossOptions& options,
                                                        const TensorDescription& input) {
  return std::make_unique<CpuSoftmaxLoss>(device, options, input);
}

}  // namespace poseidon::cpu
