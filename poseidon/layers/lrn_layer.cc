// Local response normalisation (Krizhevsky et al., NIPS'12, section 3.3).

#include "poseidon/layers/makers.h"
#include "poseidon/layers/unary_layer.h"

namespace poseidon {
namespace {

class LrnLayer final : public UnaryLayer {
 public:
  explicit LrnLayer(const LayerSpec& spec) : UnaryLayer(spec.name) {
    LayerFields fields(spec, "lrn_param");
    options_.region =
        static_cast<LrnOptions::Region>(fields->choice("norm_region", {"ACROSS_CHANNELS", "WITHIN_CHANNEL"}, 0));
    options_.size = fields->integer("local_size", 5, kExtents);
    options_.alpha = fields->number("alpha", 1.0, kFloats);
    options_.beta = fields->number("beta", 0.75, kFloats);
    options_.k = fields->number("k", 1.0, kFloats);
    // Caffe's shift is 1 there, whatever the file says.
    if (options_.region == LrnOptions::Region::kWithinChannel) options_.k = 1;
    static_cast<void>(fields->text("engine", ""));
    if (options_.size % 2 == 0) fields->fail("local_size", "must be odd");
    fields.finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    std::vector<Shape> outputs = UnaryLayer::infer(inputs);
    expect_rank(inputs[0], 4);
    flops_ = inputs[0].count() * 2 * options_.size;
    return outputs;
  }

 protected:
  std::unique_ptr<UnaryOperation> make_operation(Backend& backend, const TensorDescription& input) override {
    return backend.lrn(options_, input);
  }

 private:
  LrnOptions options_;
};

}  // namespace

LayerPtr make_lrn_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return std::make_unique<LrnLayer>(spec);
}

}  // namespace poseidon
