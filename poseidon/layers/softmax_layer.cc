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
  LayerFields fields(spec, "");
  fields.accept({"softmax_param"});
  fields.finish();
  expect_softmax_over_channels(Fields(spec.node, "layer").child("softmax_param"));
  return std::make_unique<SoftmaxLayer>(spec.name);
}

}  // namespace poseidon
