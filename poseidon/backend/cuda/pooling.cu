// Pooling as Caffe means it. A maximum remembers where in its window it was, so that backward gathers without atomics
// and gives every gradient to one input, also where several were as large. Where channels are innermost a thread takes
// sixteen bytes of them at once.

#include <limits>

#include "bosen/error.h"
#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/layout.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

constexpr float kLeast = -std::numeric_limits<float>::infinity();

/// One axis: what windows reach.
struct Axis {
  int input = 0, output = 0, kernel = 0, stride = 0, pad = 0;
  Divisor by_input, by_output, by_stride;

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
    return place + pad < kernel ? 0 : strides(place + pad - kernel) + 1;
  }
  [[nodiscard]] POSEIDON_DEVICE int last_window(int place) const {
    const int last = strides(place + pad);
    return last < output ? last : output - 1;
  }
  [[nodiscard]] POSEIDON_DEVICE int strides(int length) const {
    return static_cast<int>(by_stride.quotient(static_cast<std::uint32_t>(length)));
  }
};

/// A row and a column of an image.
struct Place {
  int y, x;
};

POSEIDON_DEVICE inline Place place_at(std::uint32_t place, const Divisor& by_columns, int columns) {
  const int y = static_cast<int>(by_columns.quotient(place));
  return {y, static_cast<int>(place) - y * columns};
}

/// Images as a thread sees them: kWidth channels of a place are one element.
struct Windows {
  Axis y, x;
  Grid input, output;

  [[nodiscard]] POSEIDON_DEVICE std::uint32_t input_at(const GridPlace& of, int row, int column) const {
    return input.offset(of.n, of.c, static_cast<std::uint32_t>(row * x.input + column));
  }
  [[nodiscard]] POSEIDON_DEVICE std::uint32_t output_at(const GridPlace& of, int row, int column) const {
    return output.offset(of.n, of.c, static_cast<std::uint32_t>(row * x.output + column));
  }
};

/// `Argument` counts the places of a window row by row.
template <class T, class Argument, unsigned kWidth>
struct Maximum {
  Windows windows;
  const Pack<T, kWidth>* in;
  Pack<T, kWidth>* out;
  Pack<Argument, kWidth>* arguments;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace to = place_of(windows.output, i);
    const Place window = place_at(to.place, windows.x.by_output, windows.x.output);
    const int top = windows.y.start(window.y);
    const int left = windows.x.start(window.x);
    const int first_y = windows.y.first(window.y);
    const int first_x = windows.x.first(window.x);
    float largest[kWidth];
    int argument[kWidth];
    POSEIDON_UNROLL
    for (unsigned k = 0; k < kWidth; ++k) {
      largest[k] = kLeast;
      argument[k] = (first_y - top) * windows.x.kernel + first_x - left;
    }
    for (int y = first_y; y < windows.y.end(window.y); ++y) {
      for (int x = first_x; x < windows.x.end(window.x); ++x) {
        const Pack<T, kWidth> values = in[windows.input_at(to, y, x)];
        const int own = (y - top) * windows.x.kernel + x - left;
        POSEIDON_UNROLL
        for (unsigned k = 0; k < kWidth; ++k) {
          const float value = to_float(values.elements[k]);
          if (value <= largest[k] || largest[k] != largest[k]) continue;  // what is no number stays
          largest[k] = value;
          argument[k] = own;
        }
      }
    }
    Pack<T, kWidth> result;
    Pack<Argument, kWidth> places;
    POSEIDON_UNROLL
    for (unsigned k = 0; k < kWidth; ++k) {
      result.elements[k] = from_float<T>(largest[k]);
      places.elements[k] = static_cast<Argument>(argument[k]);
    }
    out[i] = result;
    arguments[i] = places;
  }
};

template <class T, class Argument, unsigned kWidth>
struct MaximumGradient {
  Windows windows;
  const Pack<T, kWidth>* out_gradient;
  const Pack<Argument, kWidth>* arguments;
  Pack<T, kWidth>* in_gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace from = place_of(windows.input, i);
    const Place at = place_at(from.place, windows.x.by_input, windows.x.input);
    float sums[kWidth] = {};
    const int last_row = windows.y.last_window(at.y);
    const int last_column = windows.x.last_window(at.x);
    for (int row = windows.y.first_window(at.y); row <= last_row; ++row) {
      for (int column = windows.x.first_window(at.x); column <= last_column; ++column) {
        const std::uint32_t place = windows.output_at(from, row, column);
        const int own = (at.y - windows.y.start(row)) * windows.x.kernel + at.x - windows.x.start(column);
        const Pack<Argument, kWidth> places = arguments[place];
        const Pack<T, kWidth> gradients = out_gradient[place];
        POSEIDON_UNROLL
        for (unsigned k = 0; k < kWidth; ++k) {
          if (static_cast<int>(places.elements[k]) == own) sums[k] += to_float(gradients.elements[k]);
        }
      }
    }
    Pack<T, kWidth> result;
    POSEIDON_UNROLL
    for (unsigned k = 0; k < kWidth; ++k) result.elements[k] = from_float<T>(sums[k]);
    in_gradient[i] = result;
  }
};

template <class T, unsigned kWidth>
struct Average {
  Windows windows;
  const Pack<T, kWidth>* in;
  Pack<T, kWidth>* out;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace to = place_of(windows.output, i);
    const Place window = place_at(to.place, windows.x.by_output, windows.x.output);
    float sums[kWidth] = {};
    for (int y = windows.y.first(window.y); y < windows.y.end(window.y); ++y) {
      for (int x = windows.x.first(window.x); x < windows.x.end(window.x); ++x) {
        const Pack<T, kWidth> values = in[windows.input_at(to, y, x)];
        POSEIDON_UNROLL
        for (unsigned k = 0; k < kWidth; ++k) sums[k] += to_float(values.elements[k]);
      }
    }
    const auto count = static_cast<float>(windows.y.length(window.y) * windows.x.length(window.x));
    Pack<T, kWidth> result;
    POSEIDON_UNROLL
    for (unsigned k = 0; k < kWidth; ++k) result.elements[k] = from_float<T>(sums[k] / count);
    out[i] = result;
  }
};

template <class T, unsigned kWidth>
struct AverageGradient {
  Windows windows;
  const Pack<T, kWidth>* out_gradient;
  Pack<T, kWidth>* in_gradient;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace from = place_of(windows.input, i);
    const Place at = place_at(from.place, windows.x.by_input, windows.x.input);
    float sums[kWidth] = {};
    const int last_row = windows.y.last_window(at.y);
    const int last_column = windows.x.last_window(at.x);
    for (int row = windows.y.first_window(at.y); row <= last_row; ++row) {
      for (int column = windows.x.first_window(at.x); column <= last_column; ++column) {
        const float share = 1 / static_cast<float>(windows.y.length(row) * windows.x.length(column));
        const Pack<T, kWidth> gradients = out_gradient[windows.output_at(from, row, column)];
        POSEIDON_UNROLL
        for (unsigned k = 0; k < kWidth; ++k) sums[k] += to_float(gradients.elements[k]) * share;
      }
    }
    Pack<T, kWidth> result;
    POSEIDON_UNROLL
    for (unsigned k = 0; k < kWidth; ++k) result.elements[k] = from_float<T>(sums[k]);
    in_gradient[i] = result;
  }
};

Axis axis_of(std::int64_t input, std::int64_t output, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return {static_cast<int>(input),
          static_cast<int>(output),
          static_cast<int>(kernel),
          static_cast<int>(stride),
          static_cast<int>(pad),
          Divisor(static_cast<std::uint32_t>(input)),
          Divisor(static_cast<std::uint32_t>(output)),
          Divisor(static_cast<std::uint32_t>(stride))};
}

/// Channels that a thread takes at once.
unsigned width_of(const TensorDescription& images) {
  const Grid grid = grid_of(images);
  const auto width = static_cast<std::uint32_t>(16 / bytes_of(arrangement_of(images).element));
  return grid.channel_stride == 1 && grid.channels % width == 0 ? width : 1;
}

/// The grid of elements of `width` channels.
Grid grid_in_packs(const TensorDescription& images, unsigned width) {
  Shape shape = images.shape;
  shape.set(1, shape[1] / width);
  return grid_of(shape, grid_of(images).channel_stride == 1 ? Order::kChannelsLast : Order::kRowMajor);
}

class CudaPooling final : public UnaryOperation {
 public:
  CudaPooling(const Context& context, const PoolingOptions& options, const TensorDescription& input)
      : device_(context.device),
        maximum_(options.method == PoolingOptions::Method::kMax),
        input_(input),
        output_(arranged(pooled_shape(options, input.shape), arrangement_of(input))),
        small_(options.window.kernel_height * options.window.kernel_width <= std::numeric_limits<std::uint8_t>::max()),
        wide_(small_ && width_of(input) > 1 && width_of(output_) > 1) {
    const Window& w = options.window;
    const Shape& in = input.shape;
    const Shape& out = output_.shape;
    const unsigned width = wide_ ? width_of(input) : 1;
    windows_ = {axis_of(in[2], out[2], w.kernel_height, w.stride_height, w.pad_height),
                axis_of(in[3], out[3], w.kernel_width, w.stride_width, w.pad_width), grid_in_packs(input, width),
                grid_in_packs(output_, width)};
    if (maximum_) {
      const std::size_t each = small_ ? sizeof(std::uint8_t) : sizeof(std::uint16_t);
      arguments_ = std::make_shared<DeviceMemory>(device_, static_cast<std::size_t>(out.count()) * each);
    }
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    with_types([&]<class T, class Argument, unsigned kWidth>() {
      const auto* const in = channels_of<T, kWidth>(input);
      auto* const out = channels_of<T, kWidth>(output);
      const std::int64_t count = output.count() / kWidth;
      if (maximum_) {
        for_each(device_, count, Maximum<T, Argument, kWidth>{windows_, in, out, arguments<Argument, kWidth>()});
      } else {
        for_each(device_, count, Average<T, kWidth>{windows_, in, out});
      }
    });
  }

  void backward(const Tensor& /*input*/, const Tensor& /*output*/, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    with_types([&]<class T, class Argument, unsigned kWidth>() {
      const auto* const from = channels_of<T, kWidth>(output_gradient);
      auto* const to = channels_of<T, kWidth>(input_gradient);
      const std::int64_t count = input_gradient.count() / kWidth;
      if (maximum_) {
        for_each(device_, count,
                 MaximumGradient<T, Argument, kWidth>{windows_, from, arguments<Argument, kWidth>(), to});
      } else {
        for_each(device_, count, AverageGradient<T, kWidth>{windows_, from, to});
      }
    });
  }

 private:
  template <class T, unsigned kWidth>
  static Pack<T, kWidth>* channels_of(Tensor& tensor) {
    return reinterpret_cast<Pack<T, kWidth>*>(tensor.data());
  }
  template <class T, unsigned kWidth>
  static const Pack<T, kWidth>* channels_of(const Tensor& tensor) {
    return reinterpret_cast<const Pack<T, kWidth>*>(tensor.data());
  }
  template <class Argument, unsigned kWidth>
  Pack<Argument, kWidth>* arguments() {
    return reinterpret_cast<Pack<Argument, kWidth>*>(arguments_->data());
  }

  template <class Visit>
  void with_types(const Visit& visit) {
    with_element(arrangement_of(input_).element, [&](auto zero) {
      using T = decltype(zero);
      constexpr unsigned kWidth = 16 / sizeof(T);
      if (!small_) {
        visit_narrow<T, std::uint16_t>(visit);
      } else if (wide_) {
        visit.template operator()<T, std::uint8_t, kWidth>();
      } else {
        visit_narrow<T, std::uint8_t>(visit);
      }
    });
  }
  template <class T, class Argument, class Visit>
  static void visit_narrow(const Visit& visit) {
    visit.template operator()<T, Argument, 1>();
  }

  Device& device_;
  const bool maximum_;
  const TensorDescription input_, output_;
  const bool small_;  ///< a place in a window fits into a byte
  const bool wide_;   ///< several channels at once
  Windows windows_;
  std::shared_ptr<DeviceMemory> arguments_;  ///< of the last forward
};

}  // namespace

std::unique_ptr<UnaryOperation> make_pooling(const Context& context, const PoolingOptions& options,
                                             const TensorDescription& input) {
  const std::int64_t window = options.window.kernel_height * options.window.kernel_width;
  if (window > std::numeric_limits<std::uint16_t>::max()) {
    throw bosen::Error(bosen::ErrorKind::kDevice, "windows of a pooling layer have at most 65,535 places on a GPU");
  }
  return std::make_unique<CudaPooling>(context, options, input);
}

}  // namespace poseidon::cuda
