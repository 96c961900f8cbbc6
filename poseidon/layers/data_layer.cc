// Data: the next batch of images and labels.

#include <fmt/format.h>

#include <optional>

#include "bosen/error.h"
#include "poseidon/layers/layer_fields.h"
#include "poseidon/layers/makers.h"
#include "poseidon/layers/staged_batches.h"
#include "poseidon/spec/data_spec.h"

namespace poseidon {
namespace {

class DataLayer final : public Layer {
 public:
  DataLayer(const LayerSpec& spec, const LayerContext& context)
      : Layer(spec.name), spec_(read_data_spec(spec)), source_(context.source) {
    if (context.batch > 0) spec_.batch_size = context.batch;
    if (spec.tops.size() != 2) Fields(spec.node, "layer").fail("top", "a Data layer has two: images and labels");
    LayerFields fields(spec, "");
    fields.accept({"data_param", "transform_param"});
    fields.finish();
  }

  std::vector<Shape> infer(std::span<const Shape> inputs) override {
    expect_inputs(inputs, 0);
    if (source_ != nullptr) return {source_->shape(), {source_->shape()[0]}};
    if (!spec_.shape)
      refuse_shape(
          "data_param.shape is missing, and there is no data set to see it from: write shape: [channels, height, "
          "width]");
    const std::int64_t crop = spec_.transform.crop_size;
    const Shape& record = *spec_.shape;
    if (crop > record[1] || crop > record[2])
      refuse_shape(fmt::format("crop_size {} is larger than {}", crop, record.text()));
    return {{spec_.batch_size, record[0], crop > 0 ? crop : record[1], crop > 0 ? crop : record[2]},
            {spec_.batch_size}};
  }

  void set_up(LayerSetup& setup) override {
    backend_ = &setup.backend;
    phase_ = setup.phase;
    for (TensorDescription& output : setup.outputs) output = TensorDescription::row_major(output.shape);
  }

  void forward(const LayerIo& io) override {
    if (source_ == nullptr) throw bosen::Error(bosen::ErrorKind::kUsage, "the net was made without data");
    Tensor& images = io.outputs[0]->value;
    Tensor& labels = io.outputs[1]->value;
    if (backend_->host_data(images) == nullptr) {
      // A test goes to its first batch each time; what would have been brought ahead is not what comes then.
      if (!staged_) staged_.emplace(*backend_, *source_, /*ahead=*/phase_ == Phase::kTrain);
      staged_->next(images, labels);
      return;
    }
    const Batch& batch = source_->next();
    backend_->upload(batch.images, images);
    backend_->upload(batch.labels, labels);
  }

  void forward_asked() override {
    if (staged_) staged_->read_ahead();
  }

  void backward(const LayerIo& /*io*/) override {}

  [[nodiscard]] bool repeats() const override { return false; }

 private:
  DataSpec spec_;
  BatchSource* source_;
  Backend* backend_ = nullptr;
  Phase phase_ = Phase::kTrain;
  std::optional<StagedBatches> staged_;  ///< where the device has memory of its own
};

}  // namespace

LayerPtr make_data_layer(const LayerSpec& spec, const LayerContext& context) {
  return std::make_unique<DataLayer>(spec, context);
}

}  // namespace poseidon
