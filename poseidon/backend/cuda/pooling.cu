// Pooling as Caffe means it. A maximum remembers where in its window it was, so that backward gathers without atomics
// and gives every gradient to one input, also where several were as large.

#include <cfloat>
#include <limits>

#include "bosen/error.h"
#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

std::int64_t extent(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t pad, bool round_up) {
  std::int64_t count = (input + 2 * pad - kernel + (round_up ? stride - 1 : 0)) / stride + 1;
  if (pad > 0 && (count - 1) * stride >= input + pad) --count;
  return count;
}

Shape pooled_shape(const PoolingOptions& options, const Shape& input) {
  const Window& w = options.window;
  return {input[0], input[1], extent(input[2], w.kernel_height, w.stride_height, w.pad_height, options.round_up),
          extent(input[3], w.kernel_width, w.stride_width, w.pad_width, options.round_up)};
}

/// One axis: what windows reach.
struct Axis {
  int input = 0, output = 0, kernel = 0, stride = 0, pad = 0;

  [[nodiscard]] POSEIDON_DEVICE int start(int window) const { return window * stride - pad; }
  [[nodiscard]] POSEIDON_DEVICE int first(int window) const { return start(window) > 0 ? start(window) : 0; }
  [[nodiscard]] POSEIDON_DEVICE int end(int window) const {
    return start(window) + kernel < input ? start(window) + kernel : input;
  }
  /// Inside the padded image: what Caffe's averages divide by.
  [[nodiscard]] POSEIDON_DEVICE int length(int window) const {
    const int cut = start(window) + kernel < input + pad ? start(window) + kernel : input + pad;
    return cut - start(window);
  }
  /// The first and the last window that reach `place`.
  [[nodiscard]] POSEIDON_DEVICE int first_window(int place) const {
    return place + pad < kernel ? 0 : (place + pad - kernel) / stride + 1;
  }
  [[nodiscard]] POSEIDON_DEVICE int last_window(int place) const {
    const int last = (place + pad) / stride;
    return last < output ? last : output - 1;
  }
};

struct Windows {
  Axis y, x;
  Grid input, output;

  [[nodiscard]] POSEIDON_DEVICE std::uint32_t at(std::uint32_t n, std::uint32_t c, int row, int column) const {
    return input.offset(n, c, static_cast<std::uint32_t>(row * x.input + column));
  }
};

/// Place in a window that its maximum was at, row by row of the kernel.
using Argument = std::uint16_t;

template <class T>
struct Maximum {
  Windows windows;
  const T* in;
  T* out;
  Argument* arguments;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace to = place_of(windows.output, i);
    const int row = static_cast<int>(to.place) / windows.x.output;
    const int column = static_cast<int>(to.place) % windows.x.output;
    float largest = -FLT_MAX;
    int argument = -1;
    for (int y = windows.y.first(row); y < windows.y.end(row); ++y) {
      for (int x = windows.x.first(column); x < windows.x.end(column); ++x) {
        const float value = to_float(in[windows.at(to.n, to.c, y, x)]);
        if (argument >= 0 && !(value > largest) && value == value) continue;  // what is no number stays
        largest = value;
        argument = (y - windows.y.start(row)) * windows.x.kernel + x - windows.x.start(column);
        if (value != value) y = windows.y.end(row), x = windows.x.end(column);
      }
    }
    out[i] = from_float<T>(largest);
    arguments[i] = static_cast<Argument>(argument);
  }
};

template <class T>
struct MaximumGradient {
  Windows windows;
  const T* out_gradient;
  const Argument* arguments;
  T* in_gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace from = place_of(windows.input, i);
    const int y = static_cast<int>(from.place) / windows.x.input;
    const int x = static_cast<int>(from.place) % windows.x.input;
    float sum = 0;
    for (int row = windows.y.first_window(y); row <= windows.y.last_window(y); ++row) {
      for (int column = windows.x.first_window(x); column <= windows.x.last_window(x); ++column) {
        const std::uint32_t place =
            windows.output.offset(from.n, from.c, static_cast<std::uint32_t>(row * windows.x.output + column));
        const int own = (y - windows.y.start(row)) * windows.x.kernel + x - windows.x.start(column);
        if (arguments[place] == own) sum += to_float(out_gradient[place]);
      }
    }
    in_gradient[i] = from_float<T>(sum);
  }
};

template <class T>
struct Average {
  Windows windows;
  const T* in;
  T* out;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace to = place_of(windows.output, i);
    const int row = static_cast<int>(to.place) / windows.x.output;
    const int column = static_cast<int>(to.place) % windows.x.output;
    float sum = 0;
    for (int y = windows.y.first(row); y < windows.y.end(row); ++y) {
      for (int x = windows.x.first(column); x < windows.x.end(column); ++x) {
        sum += to_float(in[windows.at(to.n, to.c, y, x)]);
      }
    }
    out[i] = from_float<T>(sum / static_cast<float>(windows.y.length(row) * windows.x.length(column)));
  }
};

template <class T>
struct AverageGradient {
  Windows windows;
  const T* out_gradient;
  T* in_gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace from = place_of(windows.input, i);
    const int y = static_cast<int>(from.place) / windows.x.input;
    const int x = static_cast<int>(from.place) % windows.x.input;
    float sum = 0;
    for (int row = windows.y.first_window(y); row <= windows.y.last_window(y); ++row) {
      for (int column = windows.x.first_window(x); column <= windows.x.last_window(x); ++column) {
        const std::uint32_t place =
            windows.output.offset(from.n, from.c, static_cast<std::uint32_t>(row * windows.x.output + column));
        sum += to_float(out_gradient[place]) / static_cast<float>(windows.y.length(row) * windows.x.length(column));
      }
    }
    in_gradient[i] = from_float<T>(sum);
  }
};

Axis axis_of(std::int64_t input, std::int64_t output, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return {static_cast<int>(input), static_cast<int>(output), static_cast<int>(kernel), static_cast<int>(stride),
          static_cast<int>(pad)};
}

class CudaPooling final : public UnaryOperation {
 public:
  CudaPooling(const Context& context, const PoolingOptions& options, const TensorDescription& input)
      : device_(context.device),
        maximum_(options.method == PoolingOptions::Method::kMax),
        input_(input),
        output_(arranged(pooled_shape(options, input.shape), arrangement_of(input))) {
    const Window& w = options.window;
    const Shape& in = input.shape;
    const Shape& out = output_.shape;
    windows_ = {axis_of(in[2], out[2], w.kernel_height, w.stride_height, w.pad_height),
                axis_of(in[3], out[3], w.kernel_width, w.stride_width, w.pad_width), grid_of(input), grid_of(output_)};
    if (maximum_) {
      arguments_ = std::make_shared<DeviceMemory>(device_, static_cast<std::size_t>(out.count()) * sizeof(Argument));
    }
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    with_element(arrangement_of(input_).element, [&](auto zero) {
      using T = decltype(zero);
      const T* const in = elements_of<T>(input);
      T* const out = elements_of<T>(output);
      if (maximum_) {
        for_each(device_, output.count(), Maximum<T>{windows_, in, out, arguments()});
      } else {
        for_each(device_, output.count(), Average<T>{windows_, in, out});
      }
    });
  }

  void backward(const Tensor& /*input*/, const Tensor& /*output*/, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    with_element(arrangement_of(input_).element, [&](auto zero) {
      using T = decltype(zero);
      const T* const from = elements_of<T>(output_gradient);
      T* const to = elements_of<T>(input_gradient);
      if (maximum_) {
        for_each(device_, input_gradient.count(), MaximumGradient<T>{windows_, from, arguments(), to});
      } else {
        for_each(device_, input_gradient.count(), AverageGradient<T>{windows_, from, to});
      }
    });
  }

 private:
  Argument* arguments() { return reinterpret_cast<Argument*>(arguments_->data()); }

  Device& device_;
  const bool maximum_;
  const TensorDescription input_, output_;
  Windows windows_;
  std::shared_ptr<DeviceMemory> arguments_;  ///< of the last forward
};

}  // namespace

std::unique_ptr<UnaryOperation> make_pooling(const Context& context, const PoolingOptions& options,
                                             const TensorDescription& input) {
  const std::int64_t window = options.window.kernel_height * options.window.kernel_width;
  if (window > std::numeric_limits<Argument>::max()) {
    throw bosen::Error(bosen::ErrorKind::kDevice, "windows of a pooling layer have at most 65,535 places on a GPU");
  }
  return std::make_unique<CudaPooling>(context, options, input);
}

}  // namespace poseidon::cuda
