// Pooling by oneDNN where it can say what Caffe means, else by plain loops.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/unary_primitive.h"

namespace poseidon::cpu {
namespace {

using dnnl::algorithm;
using dnnl::memory;

/// Means whose windows reach beyond the padded border: Caffe divides by what lies inside it, which oneDNN can't say.
class PlainAverage final : public UnaryOperation {
 public:
  PlainAverage(const Device& device, const PoolingOptions& options, const TensorDescription& input)
      : device_(device),
        options_(options),
        in_(input.shape),
        output_(TensorDescription::row_major(pooled_shape(options, input.shape))),
        to_plain_(device, desc_of(input), plain_desc(in_)),
        from_plain_(device, plain_desc(in_), desc_of(input)),
        plain_(static_cast<std::size_t>(in_.count())) {}

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    const float* const in = plain(input);
    float* out = output.data();
    visit([&](std::int64_t plane, const Cut& cut) {
      double sum = 0;
      for (std::int64_t y = cut.top; y < cut.bottom; ++y) {
        for (std::int64_t x = cut.left; x < cut.right; ++x) sum += static_cast<double>(in[plane + y * in_[3] + x]);
      }
      *out++ = static_cast<float>(sum / cut.divisor);
    });
  }

  void backward(const Tensor& /*input*/, const Tensor& /*output*/, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    float* const in = from_plain_.is_needed() ? plain_.data() : input_gradient.data();
    std::fill_n(in, in_.count(), 0.0F);
    const float* out = output_gradient.data();
    visit([&](std::int64_t plane, const Cut& cut) {
      const auto share = static_cast<float>(static_cast<double>(*out++) / cut.divisor);
      for (std::int64_t y = cut.top; y < cut.bottom; ++y) {
        for (std::int64_t x = cut.left; x < cut.right; ++x) in[plane + y * in_[3] + x] += share;
      }
    });
    if (from_plain_.is_needed()) from_plain_.run(device_, in, input_gradient.data());
  }

 private:
  /// A window's part inside the image.
  struct Cut {
    std::int64_t top, bottom, left, right;
    double divisor;
  };

  template <class Visit>
  void visit(const Visit& visit) const {
    const Window& w = options_.window;
    const Shape& out = output_.shape;
    for (std::int64_t plane = 0; plane < in_[0] * in_[1]; ++plane) {
      for (std::int64_t i = 0; i < out[2]; ++i) {
        for (std::int64_t j = 0; j < out[3]; ++j) {
          const std::int64_t y = i * w.stride_height - w.pad_height;
          const std::int64_t x = j * w.stride_width - w.pad_width;
          const std::int64_t height = std::min(y + w.kernel_height, in_[2] + w.pad_height) - y;
          const std::int64_t width = std::min(x + w.kernel_width, in_[3] + w.pad_width) - x;
          visit(plane * in_[2] * in_[3],
                Cut{std::max<std::int64_t>(y, 0), std::min(y + w.kernel_height, in_[2]), std::max<std::int64_t>(x, 0),
                    std::min(x + w.kernel_width, in_[3]), static_cast<double>(height * width)});
        }
      }
    }
  }

  const float* plain(const Tensor& input) {
    if (!to_plain_.is_needed()) return input.data();
    to_plain_.run(device_, input.data(), plain_.data());
    return plain_.data();
  }

  const Device& device_;
  const PoolingOptions options_;
  const Shape in_;
  const TensorDescription output_;
  Rearranger to_plain_, from_plain_;
  std::vector<float> plain_;
};

/// Maxima by a primitive, which leaves out what is no number. That would hide it from every check behind it, so it is
/// put back.
class Maximum final : public UnaryOperation {
 public:
  Maximum(const Device& device, const Window& window, const TensorDescription& input,
          std::unique_ptr<UnaryOperation> primitive)
      : device_(device), window_(window), input_(input), primitive_(std::move(primitive)) {}

  [[nodiscard]] const TensorDescription& output() const override { return primitive_->output(); }

  void forward(const Tensor& input, Tensor& output) override {
    primitive_->forward(input, output);
    if (!are_numbers(input)) put_back(input, output);
  }

  void backward(const Tensor& input, const Tensor& output, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    primitive_->backward(input, output, output_gradient, input_gradient);
  }

 private:
  /// Rare, and may be slow.
  void put_back(const Tensor& input, Tensor& output) const {
    const Shape& in = input_.shape;
    const Shape& out = output.shape();
    std::vector<float> from(static_cast<std::size_t>(in.count()));
    std::vector<float> to(static_cast<std::size_t>(out.count()));
    Rearranger(device_, desc_of(input_), plain_desc(in)).run(device_, input.data(), from.data());
    Rearranger(device_, desc_of(output.description()), plain_desc(out)).run(device_, output.data(), to.data());
    for (std::int64_t row = 0; row < in.count(0, 3); ++row) {
      for (std::int64_t x = 0; x < in[3]; ++x) {
        if (!std::isnan(from[static_cast<std::size_t>(row * in[3] + x)])) continue;
        mark(to, row / in[2], row % in[2], x, out);
      }
    }
    Rearranger(device_, plain_desc(out), desc_of(output.description())).run(device_, to.data(), output.data());
  }

  /// In all windows of the plane that the pixel lies in.
  void mark(std::vector<float>& maxima, std::int64_t plane, std::int64_t y, std::int64_t x, const Shape& out) const {
    const Range rows = windows_over(y + window_.pad_height, window_.kernel_height, window_.stride_height, out[2]);
    const Range columns = windows_over(x + window_.pad_width, window_.kernel_width, window_.stride_width, out[3]);
    for (std::int64_t i = rows.first; i < rows.end; ++i) {
      for (std::int64_t j = columns.first; j < columns.end; ++j) {
        maxima[static_cast<std::size_t>((plane * out[2] + i) * out[3] + j)] = std::numeric_limits<float>::quiet_NaN();
      }
    }
  }

  struct Range {
    std::int64_t first, end;
  };
  static Range windows_over(std::int64_t place, std::int64_t kernel, std::int64_t stride, std::int64_t windows) {
    return {place < kernel ? 0 : (place - kernel) / stride + 1, std::min(windows, place / stride + 1)};
  }

  const Device& device_;
  const Window window_;
  const TensorDescription input_;
  const std::unique_ptr<UnaryOperation> primitive_;
};

}  // namespace

std::unique_ptr<UnaryOperation> make_pooling(const Device& device, const PoolingOptions& options,
                                             const TensorDescription& input) {
  using Forward = dnnl::pooling_forward;
  using Backward = dnnl::pooling_backward;
  const Shape& in = input.shape;
  const Shape out = pooled_shape(options, in);
  const Window& w = options.window;
  const memory::dims end{(out[2] - 1) * w.stride_height + w.kernel_height - in[2] - w.pad_height,
                         (out[3] - 1) * w.stride_width + w.kernel_width - in[3] - w.pad_width};
  const bool padded = w.pad_height > 0 || w.pad_width > 0;
  algorithm kind = algorithm::pooling_max;
  if (options.method == PoolingOptions::Method::kAverage) {
    // Without padding Caffe divides by what lies inside the image; with it by all of the window, as long as that ends
    // before the padding does.
    kind = padded ? algorithm::pooling_avg_include_padding : algorithm::pooling_avg_exclude_padding;
    if (padded && (end[0] > w.pad_height || end[1] > w.pad_width)) {
      return std::make_unique<PlainAverage>(device, options, input);
    }
  }
  const memory::dims strides{w.stride_height, w.stride_width};
  const memory::dims kernel{w.kernel_height, w.kernel_width};
  const memory::dims begin{w.pad_height, w.pad_width};
  const memory::desc source = desc_of(input);
  const Forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, kind, source, any_desc(out), strides, kernel, begin, end}, device.engine);
  const Backward::primitive_desc backward({kind, source, forward.dst_desc(), strides, kernel, begin, end},
                                          device.engine, forward);
  auto primitive = std::make_unique<UnaryPrimitive<Forward, Backward>>(device, out, forward, backward, input,
                                                                       BackwardReads::kNeither);
  if (options.method == PoolingOptions::Method::kAverage) return primitive;
  return std::make_unique<Maximum>(device, w, input, std::move(primitive));
}

}  // namespace poseidon::cpu
