// What cuBLASLt and cuDNN compute on a GPU, as plain loops over the same memory. Work that waits in a lane has all that
// it needs, as whoever asked for it may be gone by then.

#include "poseidon/backend/cuda/convolver.h"
#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/matrix_product.h"

namespace poseidon::cuda {
namespace {

float read(Element element, const void* data, std::size_t index) {
  return element == Element::kFloat ? static_cast<const float*>(data)[index]
                                    : to_float(static_cast<const Bf16*>(data)[index]);
}

void write(Element element, void* data, std::size_t index, double value) {
  if (element == Element::kFloat) {
    static_cast<float*>(data)[index] = static_cast<float>(value);
  } else {
    static_cast<Bf16*>(data)[index] = from_float<Bf16>(static_cast<float>(value));
  }
}

class PlainProduct final : public MatrixProduct {
 public:
  PlainProduct(Device& device, const ProductShape& shape) : device_(device), shape_(shape) {}

  void run(const void* a, const void* b, void* c) override {
    launch(device_, [=, product = *this] { product.multiply(a, b, c); });
  }

 private:
  void multiply(const void* a, const void* b, void* c) const {
    for (std::int64_t i = 0; i < shape_.m; ++i) {
      for (std::int64_t j = 0; j < shape_.n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < shape_.k; ++l) {
          const std::int64_t at_a = shape_.a_turned ? l * shape_.m + i : i * shape_.k + l;
          const std::int64_t at_b = shape_.b_turned ? j * shape_.k + l : l * shape_.n + j;
          sum += double{read(shape_.input, a, static_cast<std::size_t>(at_a))} *
                 double{read(shape_.input, b, static_cast<std::size_t>(at_b))};
        }
        write(shape_.output, c, static_cast<std::size_t>(i * shape_.n + j), sum);
      }
    }
  }

  Device& device_;
  const ProductShape shape_;
};

class PlainConvolver final : public Convolver {
 public:
  PlainConvolver(Device& device, const ConvolutionProblem& problem) : device_(device), problem_(problem) {}

  void forward(const void* input, const void* weight, const Tensor* bias, void* output) override {
    const float* const biases = bias == nullptr ? nullptr : bias->data();
    launch(device_, [=, convolver = *this] { convolver.convolve(input, weight, biases, output); });
  }

  void backward_input(const void* output_gradient, const void* weight, void* input_gradient) override {
    launch(device_, [=, convolver = *this] { convolver.add_up_input(output_gradient, weight, input_gradient); });
  }

  void backward_weight(const void* input, const void* output_gradient, void* weight_gradient) override {
    launch(device_, [=, convolver = *this] { convolver.add_up_weight(input, output_gradient, weight_gradient); });
  }

 private:
  void add_up_input(const void* output_gradient, const void* weight, void* input_gradient) const {
    std::vector<double> sums(static_cast<std::size_t>(problem_.input.count()));
    visit([&](std::size_t x, std::size_t w, std::size_t y) { sums[x] += at(output_gradient, y) * at(weight, w); });
    write_all(sums, input_gradient);
  }

  void add_up_weight(const void* input, const void* output_gradient, void* weight_gradient) const {
    std::vector<double> sums(static_cast<std::size_t>(problem_.weight.count()));
    visit([&](std::size_t x, std::size_t w, std::size_t y) { sums[w] += at(output_gradient, y) * at(input, x); });
    write_all(sums, weight_gradient);
  }

  void convolve(const void* input, const void* weight, const float* bias, void* output) const {
    std::vector<double> sums(static_cast<std::size_t>(problem_.output.count()));
    visit([&](std::size_t x, std::size_t w, std::size_t y) { sums[y] += at(input, x) * at(weight, w); });
    const Grid grid = grid_of(problem_.output, problem_.arrangement.order);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double added = bias == nullptr ? 0 : double{bias[grid.channel_of(static_cast<std::uint32_t>(i))]};
      const double result = sums[i] + added;
      write(problem_.arrangement.element, output, i, problem_.options.relu && result < 0 ? 0 : result);
    }
  }

  [[nodiscard]] double at(const void* data, std::size_t index) const {
    return double{read(problem_.arrangement.element, data, index)};
  }

  void write_all(const std::vector<double>& values, void* data) const {
    for (std::size_t i = 0; i < values.size(); ++i) write(problem_.arrangement.element, data, i, values[i]);
  }

  static std::size_t place(const Grid& grid, std::int64_t n, std::int64_t c, std::int64_t place) {
    return grid.offset(static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(place));
  }

  /// use(input, weight, output) for all that belong together, as places in memory.
  template <class Use>
  void visit(const Use& use) const {
    const Order order = problem_.arrangement.order;
    const Grid inputs = grid_of(problem_.input, order);
    const Grid weights = grid_of(problem_.weight, order);
    const Grid outputs = grid_of(problem_.output, order);
    const std::int64_t channels = problem_.weight[1];
    const std::int64_t per_group = problem_.output[1] / problem_.options.groups;
    for (std::int64_t n = 0; n < problem_.output[0]; ++n) {
      for (std::int64_t k = 0; k < problem_.output[1]; ++k) {
        for (std::int64_t p = 0; p < problem_.output[2] * problem_.output[3]; ++p) {
          const std::size_t y = place(outputs, n, k, p);
          visit_window(p, [&](std::int64_t from, std::int64_t tap) {
            for (std::int64_t c = 0; c < channels; ++c) {
              use(place(inputs, n, k / per_group * channels + c, from), place(weights, k, c, tap), y);
            }
          });
        }
      }
    }
  }

  /// tap(place in the image, place in the kernel) for each inside the image.
  template <class Tap>
  void visit_window(std::int64_t output, const Tap& tap) const {
    const Window& w = problem_.options.window;
    const std::int64_t row = output / problem_.output[3] * w.stride_height - w.pad_height;
    const std::int64_t column = output % problem_.output[3] * w.stride_width - w.pad_width;
    for (std::int64_t i = 0; i < w.kernel_height; ++i) {
      for (std::int64_t j = 0; j < w.kernel_width; ++j) {
        const std::int64_t y = row + i * problem_.options.dilation;
        const std::int64_t x = column + j * problem_.options.dilation;
        if (y < 0 || x < 0 || y >= problem_.input[2] || x >= problem_.input[3]) continue;
        tap(y * problem_.input[3] + x, i * w.kernel_width + j);
      }
    }
  }

  Device& device_;
  const ConvolutionProblem problem_;
};

}  // namespace

std::unique_ptr<MatrixProduct> make_matrix_product(const Context& context, const ProductShape& shape) {
  return std::make_unique<PlainProduct>(context.device, shape);
}

std::unique_ptr<Convolver> make_convolver(const Context& context, const ConvolutionProblem& problem) {
  return std::make_unique<PlainConvolver>(context.device, problem);
}

}  // namespace poseidon::cuda
