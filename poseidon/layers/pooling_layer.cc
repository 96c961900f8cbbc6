// Pooling: maxima or means of windows, or of whole images.

#include <fmt/format.h>

#include "poseidon/layers/makers.h"
#include "poseidon/layers/unary_layer.h"

namespace poseidon {
namespace {

class PoolingLayer final : public UnaryLayer {
 public:
  explicit PoolingLayer(const LayerSpec& spec) : UnaryLayer(spec.name) {
    LayerFields fields(spec, "pooling_param");
    options_.method = static_cast<PoolingOptions::Method>(fields->choice("pool", {"MAX", "AVE"}, 0));
    global_ = fields->boolean("global_pooling", false);
    options_.window = read_window(*fields);
    options_.round_up = fields->choice("round_mode", {"CEIL", "FLOOR"}, 0) == 0;
    static_cast<void>(fields->text("engine", ""));
    fields.finish();
    const Window& window = options_.window;
    if (!global_ && (window.kernel_height < 1 || window.kernel_width < 1)) {
      fields->fail("kernel_size", "must be given, or global_pooling: true");
    }
    if (!global_ && (window.pad_height >= window.kernel_height || window.pad_width >= window.kernel_width)) {
      fields->fail("pad", "must be less than the kernel");
    }
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    const Shape& input = inputs[0];
    if (input.rank() != 4)
      refuse_shape(fmt::format("takes images (batch x channels x height x width), not {}", input.text()));
    Window& window = options_.window;
    if (global_) window = {.kernel_height = input[2], .kernel_width = input[3]};
    const Shape output = pooled_shape(options_, input);
    if (output[2] < 1 || output[3] < 1) {
      refuse_shape(fmt::format("a window of {} x {} does not fit into {}", window.kernel_height, window.kernel_width,
                               input.text()));
    }
    // Caffe would fill its place with the least float, or a mean of nothing.
    if ((output[2] - 1) * window.stride_height - window.pad_height >= input[2] ||
        (output[3] - 1) * window.stride_width - window.pad_width >= input[3]) {
      refuse_shape("its last window would begin beyond " + input.text() + ": write round_mode: FLOOR");
    }
    flops_ = output.count() * window.kernel_height * window.kernel_width;
    return {output};
  }

 protected:
  std::unique_ptr<UnaryOperation> make_operation(Backend& backend, const TensorDescription& input) override {
    return backend.pooling(options_, input);
  }

 private:
  PoolingOptions options_;
  bool global_ = false;
};

}  // namespace

LayerPtr make_pooling_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<PoolingLayer>(spec);
}

}  // namespace poseidon
