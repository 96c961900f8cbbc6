// Softmax over the channels.

#include "poseidon/layers/makers.h"
#include "poseidon/layers/unary_layer.h"

namespace poseidon {
namespace {

class SoftmaxLayer final : public UnaryLayer {
 public:
  using UnaryLayer::UnaryLayer;

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    std::vector<Shape> outputs = UnaryLayer::infer(inputs);
    expect_rank(inputs[0], 2);
    return outputs;
  }

 protected:
  std::unique_ptr<UnaryOperation> make_operation(Backend& backend, const TensorDescription& input) override {
    return backend.softmax(input);
  }
};

}  // namespace

LayerPtr make_softmax_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  LayerFields fields(spec, "softmax_param");
  if (fields->integer("axis", 1) != 1) fields->fail("axis", "must be 1, the channels");
  static_cast<void>(fields->text("engine", ""));
  fields.finish();
  return std::make_unique<SoftmaxLayer>(spec.name);
}

}  // namespace poseidon
