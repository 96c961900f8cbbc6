#include "tests/unit/poseidon/backend/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace poseidon::test {
namespace {

/// Row-major place of an element of a tensor with four axes.
std::size_t place(const Shape& shape, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
  return static_cast<std::size_t>(((n * shape[1] + c) * shape[2] + y) * shape[3] + x);
}

/// Calls visit(n, c, y, x) in row-major order.
template <class Visit>
void for_each(const Shape& shape, const Visit& visit) {
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      for (std::int64_t y = 0; y < shape[2]; ++y) {
        for (std::int64_t x = 0; x < shape[3]; ++x) visit(n, c, y, x);
      }
    }
  }
}

}  // namespace

Shape convolved_shape(const ConvolutionOptions& options, const Shape& input) {
  const Window& w = options.window;
  const auto extent = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
    return (size + 2 * pad - (options.dilation * (kernel - 1) + 1)) / stride + 1;
  };
  return {input[0], options.outputs, extent(input[2], w.kernel_height, w.stride_height, w.pad_height),
          extent(input[3], w.kernel_width, w.stride_width, w.pad_width)};
}

Values convolve(const ConvolutionOptions& options, const Shape& shape, const Values& input, const Values& weight,
                const Values& bias) {
  const Shape out = convolved_shape(options, shape);
  const Window& w = options.window;
  const std::int64_t in_group = shape[1] / options.groups;
  const std::int64_t out_group = options.outputs / options.groups;
  const Shape weights{options.outputs, in_group, w.kernel_height, w.kernel_width};
  Values result;
  for_each(out, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    double sum = bias.empty() ? 0 : bias[static_cast<std::size_t>(c)];
    for (std::int64_t k = 0; k < in_group; ++k) {
      for (std::int64_t i = 0; i < w.kernel_height; ++i) {
        for (std::int64_t j = 0; j < w.kernel_width; ++j) {
          const std::int64_t row = y * w.stride_height - w.pad_height + i * options.dilation;
          const std::int64_t column = x * w.stride_width - w.pad_width + j * options.dilation;
          if (row < 0 || row >= shape[2] || column < 0 || column >= shape[3]) continue;
          sum += input[place(shape, n, c / out_group * in_group + k, row, column)] * weight[place(weights, c, k, i, j)];
        }
      }
    }
    result.push_back(sum);
  });
  return result;
}

Values inner_product(std::int64_t batch, std::int64_t outputs, const Values& input, const Values& weight,
                     const Values& bias) {
  const std::size_t width = input.size() / static_cast<std::size_t>(batch);
  Values result;
  for (std::size_t n = 0; n < static_cast<std::size_t>(batch); ++n) {
    for (std::size_t o = 0; o < static_cast<std::size_t>(outputs); ++o) {
      double sum = bias.empty() ? 0 : bias[o];
      for (std::size_t i = 0; i < width; ++i) sum += input[n * width + i] * weight[o * width + i];
      result.push_back(sum);
    }
  }
  return result;
}

Shape shape_after_pooling(const PoolingOptions& options, const Shape& input) {
  const Window& w = options.window;
  const auto extent = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
    const double exact = static_cast<double>(size + 2 * pad - kernel) / static_cast<double>(stride);
    auto count = static_cast<std::int64_t>(options.round_up ? std::ceil(exact) : std::floor(exact)) + 1;
    const bool padded = w.pad_height > 0 || w.pad_width > 0;
    if (padded && (count - 1) * stride >= size + pad) --count;
    return count;
  };
  return {input[0], input[1], extent(input[2], w.kernel_height, w.stride_height, w.pad_height),
          extent(input[3], w.kernel_width, w.stride_width, w.pad_width)};
}

Values pool(const PoolingOptions& options, const Shape& shape, const Values& input) {
  const Window& w = options.window;
  Values result;
  for_each(shape_after_pooling(options, shape), [&](std::int64_t n, std::int64_t c, std::int64_t i, std::int64_t j) {
    const std::int64_t top = i * w.stride_height - w.pad_height;
    const std::int64_t left = j * w.stride_width - w.pad_width;
    const std::int64_t bottom = std::min(top + w.kernel_height, shape[2] + w.pad_height);
    const std::int64_t right = std::min(left + w.kernel_width, shape[3] + w.pad_width);
    double largest = -std::numeric_limits<double>::infinity();
    double sum = 0;
    for (std::int64_t y = std::max<std::int64_t>(top, 0); y < std::min(bottom, shape[2]); ++y) {
      for (std::int64_t x = std::max<std::int64_t>(left, 0); x < std::min(right, shape[3]); ++x) {
        largest = std::max(largest, input[place(shape, n, c, y, x)]);
        sum += input[place(shape, n, c, y, x)];
      }
    }
    const bool is_max = options.method == PoolingOptions::Method::kMax;
    result.push_back(is_max ? largest : sum / static_cast<double>((bottom - top) * (right - left)));
  });
  return result;
}

Values activate(const ActivationOptions& options, const Values& input) {
  Values result;
  for (const double x : input) {
    switch (options.kind) {
      case ActivationKind::kRelu:
      case ActivationKind::kLeakyRelu:
        result.push_back(x > 0 ? x : x * options.negative_slope);
        break;
      case ActivationKind::kSigmoid:
        result.push_back(1 / (1 + std::exp(-x)));
        break;
      case ActivationKind::kTanh:
        result.push_back(std::tanh(x));
        break;
    }
  }
  return result;
}

Values lrn(const LrnOptions& options, const Shape& shape, const Values& input) {
  const std::int64_t half = options.size / 2;
  const bool across = options.region == LrnOptions::Region::kAcrossChannels;
  const double n_terms = static_cast<double>(across ? options.size : options.size * options.size);
  Values result;
  for_each(shape, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    double sum = 0;
    const auto add = [&](std::int64_t channel, std::int64_t row, std::int64_t column) {
      if (channel < 0 || channel >= shape[1] || row < 0 || row >= shape[2] || column < 0 || column >= shape[3]) return;
      const double value = input[place(shape, n, channel, row, column)];
      sum += value * value;
    };
    for (std::int64_t i = -half; i <= half; ++i) {
      if (across) {
        add(c + i, y, x);
      } else {
        for (std::int64_t j = -half; j <= half; ++j) add(c, y + i, x + j);
      }
    }
    result.push_back(input[place(shape, n, c, y, x)] /
                     std::pow(options.k + options.alpha / n_terms * sum, options.beta));
  });
  return result;
}

Values softmax(const Shape& shape, const Values& input) {
  const auto classes = static_cast<std::size_t>(shape[1]);
  const auto inner = static_cast<std::size_t>(shape.count(2, shape.rank()));
  Values result(input.size());
  for (std::size_t first = 0; first < input.size(); first += classes * inner) {
    for (std::size_t i = 0; i < inner; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < classes; ++k) sum += std::exp(input[first + k * inner + i]);
      for (std::size_t k = 0; k < classes; ++k) {
        result[first + k * inner + i] = std::exp(input[first + k * inner + i]) / sum;
      }
    }
  }
  return result;
}

double softmax_loss(const Shape& shape, const Values& input, const std::vector<int>& labels) {
  const Values probabilities = softmax(shape, input);
  const auto classes = static_cast<std::size_t>(shape[1]);
  const auto inner = static_cast<std::size_t>(shape.count(2, shape.rank()));
  double sum = 0;
  for (std::size_t position = 0; position < labels.size(); ++position) {
    const std::size_t first = position / inner * classes * inner + position % inner;
    sum -= std::log(probabilities[first + static_cast<std::size_t>(labels[position]) * inner]);
  }
  return sum / static_cast<double>(labels.size());
}

Values batch_norm(double epsilon, const Shape& shape, const Values& input, const Values& scale, const Values& shift) {
  const auto channels = static_cast<std::size_t>(shape[1]);
  Values sums(channels, 0), squares(channels, 0);
  const double count = static_cast<double>(shape.count()) / static_cast<double>(channels);
  for_each(shape, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    sums[static_cast<std::size_t>(c)] += input[place(shape, n, c, y, x)] / count;
  });
  for_each(shape, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    const double distance = input[place(shape, n, c, y, x)] - sums[static_cast<std::size_t>(c)];
    squares[static_cast<std::size_t>(c)] += distance * distance / count;
  });
  Values result;
  for_each(shape, [&](std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
    const auto channel = static_cast<std::size_t>(c);
    const double normal = (input[place(shape, n, c, y, x)] - sums[channel]) / std::sqrt(squares[channel] + epsilon);
    result.push_back(scale.empty() ? normal : normal * scale[channel] + shift[channel]);
  });
  return result;
}

Values eltwise(const EltwiseOptions& options, const std::vector<Values>& inputs) {
  Values result;
  for (std::size_t i = 0; i < inputs[0].size(); ++i) {
    const bool is_sum = options.operation == EltwiseOptions::Operation::kSum;
    const auto term = [&](std::size_t k) {
      return inputs[k][i] * (is_sum && !options.coefficients.empty() ? options.coefficients[k] : 1);
    };
    double value = term(0);
    for (std::size_t k = 1; k < inputs.size(); ++k) {
      if (is_sum) value += term(k);
      if (options.operation == EltwiseOptions::Operation::kProduct) value *= term(k);
      if (options.operation == EltwiseOptions::Operation::kMaximum) value = std::max(value, term(k));
    }
    result.push_back(value);
  }
  return result;
}

}  // namespace poseidon::test
