// BatchNorm, with the scale and shift of a Scale layer that follows it (the net folds the two into one). Running
// statistics are kept as Caffe keeps them: sums that decay by moving_average_fraction, and the sum of their weights.

#include <fmt/format.h>

#include <array>

#include "bosen/error.h"
#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

enum Index : std::size_t { kScale, kShift, kMean, kVariance, kWeight };
constexpr std::size_t kStatistics = 3;

class BatchNormLayer final : public Layer {
 public:
  BatchNormLayer(const LayerSpec& spec, Phase phase)
      : Layer(spec.name), spec_(spec), by_batch_(phase == Phase::kTrain) {
    LayerFields fields(spec, "batch_norm_param");
    if (fields->has("use_global_stats")) by_batch_ = !fields->boolean("use_global_stats", std::nullopt);
    fraction_ = fields->number("moving_average_fraction", 0.999, {0, 1});
    epsilon_ = fields->number("eps", 1e-5, kFloatsFrom0);
    static_cast<void>(fields->text("engine", ""));
    fields.finish(kStatistics);
    expect_unlearned(spec);
    if (spec.scale) read_scale(*spec.scale);
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 1);
    expect_rank(inputs[0], 2);
    const Shape channels{inputs[0][1]};
    const bool scaled = spec_.scale != nullptr;
    parameters_.clear();
    parameters_.push_back({.name = "scale", .shape = channels, .filler = scale_filler_, .learned = scaled});
    parameters_.push_back({.name = "shift", .shape = channels, .filler = shift_filler_, .learned = shifted_});
    if (scaled) apply_parameter_specs(*spec_.scale, parameters_);
    for (const char* name : {"mean", "variance"})
      parameters_.push_back({.name = name, .shape = channels, .learned = false});
    parameters_.push_back({.name = "weight_sum", .shape = {1}, .learned = false});
    flops_ = inputs[0].count() * 4;
    per_channel_ = inputs[0].count() / inputs[0][1];
    return {inputs[0]};
  }

  void set_up(LayerSetup& setup) override {
    backend_ = &setup.backend;
    operation_ = setup.backend.batch_normalisation({.epsilon = epsilon_, .relu = spec_.relu}, setup.inputs[0]);
    mean_ = setup.backend.make(TensorDescription::row_major(parameters_[kMean].shape));
    variance_ = setup.backend.make(TensorDescription::row_major(parameters_[kMean].shape));
    one_ = setup.backend.make(TensorDescription::row_major(parameters_[kWeight].shape));
    setup.backend.fill(one_, 1);
    setup.outputs[0] = operation_->output();
    const bool learns = !parameters_[kScale].gradient.empty() || !parameters_[kShift].gradient.empty();
    if (setup.phase == Phase::kTrain && !by_batch_ && (learns || setup.input_needs_gradient[0])) {
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         spec_.node.place() + ": layer '" + name() +
                             "': use_global_stats: true is for the test phase, or for layers where nothing learns "
                             "(lr_mult: 0) in and below them: leave it out");
    }
    if (learns && !setup.input_needs_gradient[0]) unused_input_gradient_ = setup.backend.make(setup.inputs[0]);
  }

  void forward(const LayerIo& io) override {
    const Tensor& input = io.inputs[0]->value;
    if (by_batch_) {
      operation_->forward_train(input, scale(), shift(), mean_, variance_, io.outputs[0]->value);
      remember();
    } else {
      recall();
      operation_->forward_test(input, scale(), shift(), mean_, variance_, io.outputs[0]->value);
    }
  }

  void backward(const LayerIo& io) override {
    Tensor& input_gradient = io.inputs[0]->needs_gradient ? io.inputs[0]->gradient : unused_input_gradient_;
    operation_->backward(io.inputs[0]->value, scale(), shift(), mean_, variance_, io.outputs[0]->gradient,
                         input_gradient, gradient(kScale), gradient(kShift));
  }

  [[nodiscard]] std::int64_t forward_flops() const override { return flops_; }

 private:
  void read_scale(const LayerSpec& scale) {
    LayerFields fields(scale, "scale_param");
    shifted_ = fields->boolean("bias_term", false);
    if (fields->integer("axis", 1) != 1) fields->fail("axis", "must be 1, the channels");
    scale_filler_ = {.type = Filler::Type::kConstant, .value = 1};
    if (fields->has("filler")) scale_filler_ = read_filler(*fields, "filler");
    shift_filler_ = read_filler(*fields, "bias_filler");
    fields.finish(shifted_ ? 2 : 1);
  }

  /// Caffe's nets say `lr_mult: 0` for the statistics, and Caffe refuses all else; 1 is what they say by saying
  /// nothing.
  static void expect_unlearned(const LayerSpec& spec) {
    for (std::size_t i = 0; i < spec.parameters.size(); ++i) {
      if (spec.parameters[i].rate_factor == 0) continue;
      spec.node.find("param")->items()[i].fail(
          "layer.param: is for the statistics of a BatchNorm, which are not learned: give it lr_mult: 0, or leave it "
          "out (the Scale after it has a param list of its own)");
    }
  }

  [[nodiscard]] const Tensor* scale() const { return spec_.scale ? &parameters_[kScale].value : nullptr; }
  [[nodiscard]] const Tensor* shift() const { return spec_.scale ? &parameters_[kShift].value : nullptr; }
  Tensor* gradient(Index index) { return parameters_[index].gradient.empty() ? nullptr : &parameters_[index].gradient; }

  void remember() {
    const auto count = static_cast<double>(per_channel_);
    const std::array<RunningSum, 3> sums{
        {{&parameters_[kMean].value, &mean_, 1},
         {&parameters_[kVariance].value, &variance_, count > 1 ? count / (count - 1) : 1},
         {&parameters_[kWeight].value, &one_, 1}}};
    backend_->add_running(fraction_, sums);
  }

  void recall() {
    const Tensor& weight = parameters_[kWeight].value;
    backend_->read_running(parameters_[kMean].value, weight, 0, mean_);
    backend_->read_running(parameters_[kVariance].value, weight, 1, variance_);
  }

  LayerSpec spec_;
  bool by_batch_ = true;
  double fraction_ = 0.999;
  double epsilon_ = 1e-5;
  bool shifted_ = false;
  Filler scale_filler_{.type = Filler::Type::kConstant, .value = 1};
  Filler shift_filler_;
  std::int64_t flops_ = 0;
  std::int64_t per_channel_ = 0;
  Backend* backend_ = nullptr;
  std::unique_ptr<BatchNormalisationOperation> operation_;
  Tensor mean_, variance_;        ///< that the last forward used
  Tensor one_;                    ///< the weight of a batch's statistics, on the device, so that nobody waits for it
  Tensor unused_input_gradient_;  ///< where scale or shift learn and nothing below does
};

}  // namespace

LayerPtr make_batch_norm_layer(const LayerSpec& spec, const LayerContext& context) {
  return std::make_unique<BatchNormLayer>(spec, context.phase);
}

}  // namespace poseidon
