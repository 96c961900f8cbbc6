// Sums, products and maxima element by element, in the arrangement of the first input.

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

struct Scale {
  float a;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x) const { return a * x; }
};
struct WeightedSum {
  float a, b;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x, float y) const { return a * x + b * y; }
};
/// The sum of an element-wise sum that ends with a ReLU.
struct WeightedSumRelu {
  float a, b;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x, float y) const {
    const float sum = a * x + b * y;
    return sum <= 0 ? 0 : sum;  // what is no number stays
  }
};
struct ScaleRelu {
  float a;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float y, float dy) const { return y > 0 ? a * dy : 0; }
};
struct Multiply {
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x, float y) const { return x * y; }
};
struct Maximum {
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x, float y) const { return y > x || y != y ? y : x; }
};
/// What of the gradient is still to be given after those before `x` (maximum_order) had their part: all of it went to
/// the first that was the maximum.
struct PassToFirst {
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x, float maximum, float left) const {
    return x == maximum ? left : 0.0F;
  }
};
struct LeaveToOthers {
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x, float maximum, float left) const {
    return x == maximum ? 0.0F : left;
  }
};

/// A sum's gradients of two inputs that have its arrangement and the coefficient 1, sixteen bytes at a time.
template <class T>
struct PassToBoth {
  const Pack<T>* out;  ///< null: no ReLU
  const Pack<T>* out_gradient;
  Pack<T>* one;
  Pack<T>* other;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    Pack<T> gradient = out_gradient[i];
    if (out != nullptr) {
      const Pack<T> seen = out[i];
      POSEIDON_UNROLL
      for (unsigned k = 0; k < Pack<T>::kWidth; ++k) {
        if (!(to_float(seen.elements[k]) > 0)) gradient.elements[k] = from_float<T>(0);
      }
    }
    one[i] = gradient;
    other[i] = gradient;
  }
};

class CudaEltwise final : public MergeOperation {
 public:
  CudaEltwise(const Context& context, const EltwiseOptions& options, std::span<const TensorDescription> inputs)
      : device_(context.device),
        options_(options),
        output_(inputs[0]),
        own_(inputs.size()),
        own_gradients_(inputs.size()) {}

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(std::span<const Tensor* const> inputs, Tensor& output) override {
    arrange(inputs);
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      T* const y = elements_of<T>(output);
      const T* const first = elements_of<T>(*values_[0]);
      if (values_.size() == 1) return transform(device_, output.count(), y, Scale{coefficient(0)}, first);
      for (std::size_t i = 1; i < values_.size(); ++i) {
        const T* const so_far = i == 1 ? first : y;
        const T* const next = elements_of<T>(*values_[i]);
        if (options_.operation == EltwiseOptions::Operation::kSum) {
          const float before = i == 1 ? coefficient(0) : 1;
          if (options_.relu && i + 1 == values_.size()) {
            transform(device_, output.count(), y, WeightedSumRelu{before, coefficient(i)}, so_far, next);
          } else {
            transform(device_, output.count(), y, WeightedSum{before, coefficient(i)}, so_far, next);
          }
        } else if (options_.operation == EltwiseOptions::Operation::kProduct) {
          transform(device_, output.count(), y, Multiply{}, so_far, next);
        } else {
          transform(device_, output.count(), y, Maximum{}, so_far, next);
        }
      }
    });
  }

  void backward(std::span<const Tensor* const> inputs, const Tensor& output, const Tensor& output_gradient,
                std::span<Tensor* const> input_gradients) override {
    if (pass_to_both(output, output_gradient, input_gradients)) return;
    if (options_.operation != EltwiseOptions::Operation::kSum) arrange(inputs);
    if (options_.operation == EltwiseOptions::Operation::kMaximum) {
      if (left_.empty()) left_ = make_tensor(device_, output_);
      rearrange(device_, output_gradient, left_);
    }
    for (std::size_t place = 0; place < inputs.size(); ++place) {
      const std::size_t i = maximum_order(place, inputs.size());
      Tensor* const wanted = input_gradients[i];
      const bool as_it_is = wanted != nullptr && arrangement_of(wanted->description()) == arrangement_of(output_);
      if (!as_it_is && own_gradients_[i].empty() && wanted != nullptr)
        own_gradients_[i] = make_tensor(device_, output_);
      if (wanted != nullptr) {
        Tensor& gradient = as_it_is ? *wanted : own_gradients_[i];
        differentiate(i, output, output_gradient, gradient);
        if (!as_it_is) rearrange(device_, gradient, *wanted);
      }
      if (options_.operation == EltwiseOptions::Operation::kMaximum) leave(i, output);
    }
  }

 private:
  [[nodiscard]] float coefficient(std::size_t input) const {
    return options_.coefficients.empty() ? 1.0F : static_cast<float>(options_.coefficients[input]);
  }

  /// Whether that was all.
  bool pass_to_both(const Tensor& output, const Tensor& output_gradient, std::span<Tensor* const> gradients) {
    const Arrangement own = arrangement_of(output_);
    const auto fits = [&](const Tensor* gradient) {
      return gradient != nullptr && arrangement_of(gradient->description()) == own;
    };
    const std::int64_t width = 16 / static_cast<std::int64_t>(bytes_of(own.element));
    if (options_.operation != EltwiseOptions::Operation::kSum || gradients.size() != 2 || !fits(gradients[0]) ||
        !fits(gradients[1]) || coefficient(0) != 1 || coefficient(1) != 1 || output.count() % width != 0) {
      return false;
    }
    with_element(own.element, [&](auto zero) {
      using T = decltype(zero);
      const auto* const seen = options_.relu ? reinterpret_cast<const Pack<T>*>(output.data()) : nullptr;
      for_each(device_, output.count() / width,
               PassToBoth<T>{seen, reinterpret_cast<const Pack<T>*>(output_gradient.data()),
                             reinterpret_cast<Pack<T>*>(gradients[0]->data()),
                             reinterpret_cast<Pack<T>*>(gradients[1]->data())});
    });
    return true;
  }

  void arrange(std::span<const Tensor* const> inputs) {
    values_.clear();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      values_.push_back(&rearranged(device_, *inputs[i], output_, own_[i]));
    }
  }

  void differentiate(std::size_t input, const Tensor& output, const Tensor& output_gradient, Tensor& gradient) {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      T* const to = elements_of<T>(gradient);
      const T* const from = elements_of<T>(output_gradient);
      const std::int64_t count = gradient.count();
      if (options_.relu) {
        transform(device_, count, to, ScaleRelu{coefficient(input)}, elements_of<T>(output), from);
      } else if (options_.operation == EltwiseOptions::Operation::kSum) {
        transform(device_, count, to, Scale{coefficient(input)}, from);
      } else if (options_.operation == EltwiseOptions::Operation::kProduct) {
        const T* so_far = from;
        for (std::size_t other = 0; other < values_.size(); ++other) {
          if (other == input) continue;
          transform(device_, count, to, Multiply{}, so_far, elements_of<T>(*values_[other]));
          so_far = to;
        }
        if (so_far == from) transform(device_, count, to, Scale{1}, from);
      } else {
        transform(device_, count, to, PassToFirst{}, elements_of<T>(*values_[input]), elements_of<T>(output),
                  static_cast<const T*>(elements_of<T>(left_)));
      }
    });
  }

  void leave(std::size_t input, const Tensor& output) {
    with_element(arrangement_of(output_).element, [&](auto zero) {
      using T = decltype(zero);
      T* const left = elements_of<T>(left_);
      transform(device_, output.count(), left, LeaveToOthers{}, elements_of<T>(*values_[input]), elements_of<T>(output),
                static_cast<const T*>(left));
    });
  }

  Device& device_;
  const EltwiseOptions options_;
  const TensorDescription output_;
  std::vector<Tensor> own_;            ///< inputs that come arranged otherwise
  std::vector<Tensor> own_gradients_;  ///< gradients that are wanted otherwise
  std::vector<const Tensor*> values_;  ///< inputs in the output's arrangement
  Tensor left_;                        ///< of a maximum's gradient
};

}  // namespace

std::unique_ptr<MergeOperation> make_eltwise(const Context& context, const EltwiseOptions& options,
                                             std::span<const TensorDescription> inputs) {
  return std::make_unique<CudaEltwise>(context, options, inputs);
}

}  // namespace poseidon::cuda
