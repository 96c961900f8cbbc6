#include "poseidon/spec/data_spec.h"

#include <fmt/format.h>

#include "bosen/error.h"

namespace poseidon {
namespace {

constexpr double kExtentMax = 1 << 20;

TransformSpec read_transform(const Node& node) {
  TransformSpec transform;
  Fields fields(node, "transform_param");
  transform.scale = fields.number("scale", 1.0, kFloats);
  transform.mirror = fields.boolean("mirror", false);
  transform.crop_size = fields.integer("crop_size", 0, {0, kExtentMax});
  transform.mean_values = fields.numbers("mean_value", kFloats);
  if (fields.has("mean_file")) {
    if (fields.text("mean_file", "") != "mean") {
      fields.fail("mean_file", "data sets carry their mean image themselves: write 'mean_file: mean'");
    }
    transform.mean_image = true;
    if (!transform.mean_values.empty())
      fields.fail("mean_file", "is one way to say the mean and mean_value another: give one");
  }
  fields.finish();
  return transform;
}

}  // namespace

DataSpec read_data_spec(const LayerSpec& layer) {
  DataSpec spec;
  Fields all(layer.node, "layer");
  Fields fields(all.child("data_param"), "data_param");
  spec.source = fields.text("source", "");
  spec.batch_size = fields.integer("batch_size", std::nullopt, {1, kExtentMax});
  static_cast<void>(fields.text("backend", "LEVELDB"));              // a prototxt says which; here there is one
  static_cast<void>(fields.integer("prefetch", 1, {.minimum = 1}));  // how far is read ahead changes no result
  const std::vector<std::int64_t> shape = fields.integers("shape", {1, kExtentMax});
  if (!shape.empty()) {
    if (shape.size() != 3) fields.fail("shape", "must be [channels, height, width]");
    spec.shape = Shape(shape);
  }
  spec.classes = fields.integer("classes", 0, {0, kExtentMax});
  fields.finish();
  spec.transform = read_transform(all.child("transform_param"));
  return spec;
}

const LayerSpec& data_layer(const NetSpec& net, bool train) {
  const LayerSpec* found = nullptr;
  for (const LayerSpec& layer : net.layers) {
    if (layer.type != "Data" || !(train ? layer.in_train : layer.in_test)) continue;
    if (found != nullptr) layer.node.fail("a net has one Data layer in a phase; another is at " + found->node.place());
    found = &layer;
  }
  if (found != nullptr) return *found;
  throw bosen::Error(bosen::ErrorKind::kConfiguration,
                     fmt::format("{}: has no Data layer in the {} phase", net.file, train ? "TRAIN" : "TEST"));
}

}  // namespace poseidon
