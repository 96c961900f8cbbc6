// ReLU (also leaky), Sigmoid and TanH.

#include "poseidon/layers/makers.h"
#include "poseidon/layers/unary_layer.h"

namespace poseidon {
namespace {

class ActivationLayer final : public UnaryLayer {
 public:
  ActivationLayer(const std::string& name, const ActivationOptions& options) : UnaryLayer(name), options_(options) {}

  /// A negative slope leaves outputs of one sign, by which backward could not tell its inputs apart.
  [[nodiscard]] bool works_in_place() const override { return options_.negative_slope >= 0; }

 protected:
  std::unique_ptr<UnaryOperation> make_operation(Backend& backend, const TensorDescription& input) override {
    return backend.activation(options_, input);
  }

 private:
  ActivationOptions options_;
};

LayerPtr make_without_options(const LayerSpec& spec, const std::string& own, ActivationKind kind) {
  LayerFields fields(spec, own);
  static_cast<void>(fields->text("engine", ""));
  fields.finish();
  return std::make_unique<ActivationLayer>(spec.name, ActivationOptions{.kind = kind});
}

}  // namespace

LayerPtr make_relu_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  LayerFields fields(spec, "relu_param");
  ActivationOptions options;
  options.negative_slope = fields->number("negative_slope", 0.0, kFloats);
  if (options.negative_slope != 0) options.kind = ActivationKind::kLeakyRelu;
  static_cast<void>(fields->text("engine", ""));
  fields.finish();
  return std::make_unique<ActivationLayer>(spec.name, options);
}

LayerPtr make_sigmoid_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return make_without_options(spec, "sigmoid_param", ActivationKind::kSigmoid);
}

LayerPtr make_tanh_layer(const LayerSpec& spec, const LayerContext& /*context*/) {
  return make_without_options(spec, "tanh_param", ActivationKind::kTanh);
}

}  // namespace poseidon
