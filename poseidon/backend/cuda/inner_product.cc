// Fully connected layers as matrix products of row-major matrices.

#include "poseidon/backend/cuda/matrix_product.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

class CudaInnerProduct final : public InnerProductOperation {
 public:
  CudaInnerProduct(const Context& context, const InnerProductOptions& options, const TensorDescription& input)
      : device_(context.device),
        element_(context.activations.element),
        relu_(options.relu),
        inputs_(input.shape.count(1, input.shape.rank())),
        matrix_(arranged(input.shape, {Order::kRowMajor, element_})),
        output_(arranged({input.shape[0], options.outputs}, {Order::kRowMajor, element_})),
        own_weight_description_(arranged({options.outputs, inputs_}, {Order::kRowMajor, element_})) {
    const std::int64_t batch = input.shape[0];
    const std::int64_t outputs = options.outputs;
    const auto product = [&](ProductShape shape) {
      shape.input = element_;
      return make_matrix_product(context, shape);
    };
    forward_ = product({.m = batch, .n = outputs, .k = inputs_, .b_turned = true, .output = element_});
    to_input_ = product({.m = batch, .n = inputs_, .k = outputs, .output = element_});
    to_weight_ = product({.m = outputs, .n = inputs_, .k = batch, .a_turned = true, .output = Element::kFloat});
    if (arrangement_of(input) != arrangement_of(matrix_)) own_gradient_ = make_tensor(device_, matrix_);
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, const Tensor& weight, const Tensor* bias, Tensor& output) override {
    const Tensor& matrix = rearranged(device_, input, matrix_, own_input_);
    forward_->run(matrix.data(), rearranged(device_, weight, own_weight_description_, own_weight_).data(),
                  output.data());
    if (bias != nullptr || relu_) {
      add_bias(device_, bias == nullptr ? nullptr : bias->data(), relu_, output_, output.data());
    }
    flat_source_ = &matrix;
  }

  void backward_input(const Tensor& output_gradient, const Tensor& weight, Tensor& input_gradient) override {
    Tensor& target = own_gradient_.empty() ? input_gradient : own_gradient_;
    const Tensor& factors = own_weight_.empty() ? weight : own_weight_;  // as forward left them
    to_input_->run(output_gradient.data(), factors.data(), target.data());
    if (!own_gradient_.empty()) rearrange(device_, own_gradient_, input_gradient);
  }

  void backward_parameters(const Tensor& input, const Tensor& output_gradient, Tensor& weight_gradient,
                           Tensor* bias_gradient) override {
    const Tensor& matrix = own_input_.empty() ? input : own_input_;  // as forward left it
    to_weight_->run(output_gradient.data(), matrix.data(), weight_gradient.data());
    if (bias_gradient != nullptr) sum_channels(device_, output_gradient, bias_gradient->data());
  }

  void backward_relu(const Tensor& output, Tensor& output_gradient, Tensor* bias_gradient) override {
    pass_relu(device_, output, output_gradient, bias_gradient == nullptr ? nullptr : bias_gradient->data());
  }

  [[nodiscard]] const Tensor& flat_input() const override {
    const TensorDescription flat = TensorDescription::row_major({matrix_.shape[0], inputs_});
    if (element_ == Element::kFloat) {
      flat_input_ = flat_source_->reshaped(flat.shape);
    } else {
      if (flat_input_.empty()) flat_input_ = make_tensor(device_, flat);
      rearrange(device_, *flat_source_, flat_input_);
    }
    return flat_input_;
  }

 private:
  Device& device_;
  const Element element_;
  const bool relu_;
  const std::int64_t inputs_;
  const TensorDescription matrix_;  ///< the input as row-major examples
  const TensorDescription output_;
  const TensorDescription own_weight_description_;
  std::unique_ptr<MatrixProduct> forward_, to_input_, to_weight_;
  Tensor own_input_, own_gradient_;      ///< where the input is arranged otherwise
  Tensor own_weight_;                    ///< where products are not of floats
  const Tensor* flat_source_ = nullptr;  ///< of the last forward
  mutable Tensor flat_input_;
};

}  // namespace

std::unique_ptr<InnerProductOperation> make_inner_product(const Context& context, const InnerProductOptions& options,
                                                          const TensorDescription& input) {
  return std::make_unique<CudaInnerProduct>(context, options, input);
}

}  // namespace poseidon::cuda
