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
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(std::span<const Tensor* const> inputs, Tensor& output) override {
    for (std::size_t i = 0; i < inputs.size(); ++i) combine(i, arrange(i, *inputs[i]), output.data());
  }

  void backward(std::span<const Tensor* const> inputs, const Tensor& output, const Tensor& output_gradient,
                std::span<Tensor* const> input_gradients) override {
    values_.clear();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      values_.push_back(options_.operation == EltwiseOptions::Operation::kSum ? nullptr : arrange(i, *inputs[i]));
    }
    for (std::size_t i = 0; i < input_gradients.size(); ++i) {
      if (input_gradients[i] == nullptr) continue;
      if (in_[i].is_needed()) gradient_.resize(count_);
      float* const target = in_[i].is_needed() ? gradient_.data() : input_gradients[i]->data();
      differentiate(i, output.data(), output_gradient.data(), target);
      if (in_[i].is_needed()) out_[i].run(device_, target, input_gradients[i]->data());
    }
  }

 private:
  [[nodiscard]] float coefficient(std::size_t input) const {
    return options_.coefficients.empty() ? 1.0F : static_cast<float>(options_.coefficients[input]);
  }

  const float* arrange(std::size_t input, const Tensor& tensor) {
    if (!in_[input].is_needed()) return tensor.data();
    in_[input].run(device_, tensor.data(), arranged_[input].data());
    return arranged_[input].data();
  }

  void combine(std::size_t input, const float* x, float* y) {
    const float a = coefficient(input);
    parallel(count_, [&](std::size_t first, std::size_t end) {
      const std::size_t count = end - first;
      if (input == 0) {
        scale(a, x + first, y + first, count);
      } else if (options_.operation == EltwiseOptions::Operation::kSum) {
        add_scaled(a, x + first, y + first, count);
      } else if (options_.operation == EltwiseOptions::Operation::kProduct) {
        multiply_by(x + first, y + first, count);
      } else {
        maximum_with(x + first, y + first, count);
      }
    });
  }

  void differentiate(std::size_t input, const float* output, const float* from, float* to) {
    parallel(count_, [&](std::size_t first, std::size_t end) {
      const std::size_t count = end - first;
      if (options_.operation == EltwiseOptions::Operation::kSum) {
        scale(coefficient(input), from + first, to + first, count);
      } else if (options_.operation == EltwiseOptions::Operation::kProduct) {
        std::copy_n(from + first, count, to + first);
        for (std::size_t other = 0; other < values_.size(); ++other) {
          if (other != input) multiply_by(values_[other] + first, to + first, count);
        }
      } else {
        pass_where_equal(values_[input] + first, output + first, from + first, to + first, count);
        for (std::size_t place = 0; maximum_order(place, values_.size()) != input; ++place) {
          const float* const before = values_[maximum_order(place, values_.size())];
          clear_where_equal(before + first, output + first, to + first, count);
        }
      }
    });
  }

  const Device& device_;
  const EltwiseOptions options_;
  const TensorDescription output_;
  const std::size_t count_;
  std::vector<Rearranger> in_, out_;          ///< to and from the output's arrangement
  std::vector<std::vector<float>> arranged_;  ///< inputs in it, where they are not
  std::vector<float> gradient_;
  std::vector<const float*> values_;
};

}  // namespace

std::unique_ptr<MergeOperation> make_eltwise(const Device& device, const EltwiseOptions& options,
                                             std::span<const TensorDescription> inputs) {
  return std::make_unique<CpuEltwise>(device, options, inputs);
}

}  // namespace poseidon::cpu
