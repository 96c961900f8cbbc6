// Sums, products and maxima element by element, in the arrangement of the first input.

#include <algorithm>
#include <functional>

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

POSEIDON_VECTORISED void scale(float a, const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = a * x[i];
}
POSEIDON_VECTORISED void add_scaled(float a, const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] += a * x[i];
}
POSEIDON_VECTORISED void multiply_by(const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] *= x[i];
}
POSEIDON_VECTORISED void maximum_with(const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] > y[i] || x[i] != x[i] ? x[i] : y[i];  // what is no number stays
}
POSEIDON_VECTORISED void rectify(float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = y[i] < 0 ? 0 : y[i];  // what is no number stays
}
POSEIDON_VECTORISED void scale_where_above_0(float a, const float* seen, const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = seen[i] > 0 ? a * x[i] : 0;
}
/// Where x was the maximum it gets the gradient.
POSEIDON_VECTORISED void pass_where_equal(const float* x, const float* maximum, const float* from, float* to,
                                          std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = x[i] == maximum[i] ? from[i] : 0.0F;
}

/// Unless an input before it was as large: the gradient goes to one of them.
POSEIDON_VECTORISED void clear_where_equal(const float* x, const float* maximum, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = x[i] == maximum[i] ? 0.0F : to[i];
}

class CpuEltwise final : public MergeOperation {
 public:
  CpuEltwise(const Device& device, const EltwiseOptions& options, std::span<const TensorDescription> inputs)
      : device_(device), options_(options), output_(inputs[0]), count_(stored_elements(inputs[0])) {
    const dnnl::memory::desc target = desc_of(output_);
    for (const TensorDescription& input : inputs) {
      in_.emplace_back(device, desc_of(input), target);
      out_.emplace_back(device, target, desc_of(input));
      arranged_.emplace_back(in_.back().is_needed() ? count_ : 0);
    }
    gradients_.resize(inputs.size());
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(std::span<const Tensor* const> inputs, Tensor& output) override {
    arrange(inputs);
    float* const y = output.data();
    in_parts([&](std::size_t first, std::size_t count) {
      for (std::size_t i = 0; i < values_.size(); ++i) combine(i, values_[i] + first, y + first, count);
      if (options_.relu) rectify(y + first, count);
    });
  }

  void backward(std::span<const Tensor* const> inputs, const Tensor& output, const Tensor& output_gradient,
                std::span<Tensor* const> input_gradients) override {
    if (options_.operation != EltwiseOptions::Operation::kSum) arrange(inputs);
    targets_.clear();
    for (std::size_t i = 0; i < input_gradients.size(); ++i) {
      float* target = input_gradients[i] == nullptr ? nullptr : input_gradients[i]->data();
      if (target != nullptr && in_[i].is_needed()) {
        gradients_[i].resize(count_);
        target = gradients_[i].data();
      }
      targets_.push_back(target);
    }
    in_parts([&](std::size_t first, std::size_t count) {
      for (std::size_t i = 0; i < targets_.size(); ++i) {
        if (targets_[i] == nullptr) continue;
        differentiate(i, first, output.data() + first, output_gradient.data() + first, targets_[i] + first, count);
      }
    });
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      if (targets_[i] != nullptr && in_[i].is_needed()) out_[i].run(device_, targets_[i], input_gradients[i]->data());
    }
  }

 private:
  [[nodiscard]] float coefficient(std::size_t input) const {
    return options_.coefficients.empty() ? 1.0F : static_cast<float>(options_.coefficients[input]);
  }

  /// Fills values_.
  void arrange(std::span<const Tensor* const> inputs) {
    values_.clear();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (in_[i].is_needed()) in_[i].run(device_, inputs[i]->data(), arranged_[i].data());
      values_.push_back(in_[i].is_needed() ? arranged_[i].data() : inputs[i]->data());
    }
  }

  /// Calls work(first, count) for parts that stay in the nearest cache, so that memory is gone through once.
  template <class Work>
  void in_parts(const Work& work) const {
    constexpr std::size_t kPart = 2048;
    parallel(count_, [&](std::size_t first, std::size_t end) {
      for (; first < end; first += kPart) work(first, std::min(kPart, end - first));
    });
  }

  void combine(std::size_t input, const float* x, float* y, std::size_t count) const {
    if (input == 0) {
      scale(coefficient(input), x, y, count);
    } else if (options_.operation == EltwiseOptions::Operation::kSum) {
      add_scaled(coefficient(input), x, y, count);
    } else if (options_.operation == EltwiseOptions::Operation::kProduct) {
      multiply_by(x, y, count);
    } else {
      maximum_with(x, y, count);
    }
  }

  /// Elements from `first` of the inputs' values, at `output`, `from` and `to` already.
  void differentiate(std::size_t input, std::size_t first, const float* output, const float* from, float* to,
                     std::size_t count) const {
    if (options_.operation == EltwiseOptions::Operation::kSum) {
      if (options_.relu) return scale_where_above_0(coefficient(input), output, from, to, count);
      return scale(coefficient(input), from, to, count);
    }
    if (options_.operation == EltwiseOptions::Operation::kProduct) {
      std::copy_n(from, count, to);
      for (std::size_t other = 0; other < values_.size(); ++other) {
        if (other != input) multiply_by(values_[other] + first, to, count);
      }
      return;
    }
    pass_where_equal(values_[input] + first, output, from, to, count);
    for (std::size_t place = 0; maximum_order(place, values_.size()) != input; ++place) {
      clear_where_equal(values_[maximum_order(place, values_.size())] + first, output, to, count);
    }
  }

  const Device& device_;
  const EltwiseOptions options_;
  const TensorDescription output_;
  const std::size_t count_;
  std::vector<Rearranger> in_, out_;           ///< to and from the output's arrangement
  std::vector<std::vector<float>> arranged_;   ///< inputs in it, where they are not
  std::vector<std::vector<float>> gradients_;  ///< of inputs that are arranged otherwise, in the output's arrangement
  std::vector<const float*> values_;           ///< the inputs of the last call, so arranged
  std::vector<float*> targets_;                ///< their gradients; null where nobody needs one
};

}  // namespace

std::unique_ptr<MergeOperation> make_eltwise(const Device& device, const EltwiseOptions& options,
                                             std::span<const TensorDescription> inputs) {
  return std::make_unique<CpuEltwise>(device, options, inputs);
}

}  // namespace poseidon::cpu
