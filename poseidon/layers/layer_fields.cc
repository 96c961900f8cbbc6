#include "poseidon/layers/layer_fields.h"

#include <fmt/format.h>

#include "bosen/counted.h"
#include "bosen/error.h"

namespace poseidon {

LayerFields::LayerFields(const LayerSpec& spec, const std::string& own)
    : spec_(spec), layer_(spec.node, "layer"), own_(own.empty() ? Node() : layer_.child(own), own) {
  // What every layer may say has been read by NetSpec.
  for (const char* key :
       {"name", "type", "bottom", "top", "param", "loss_weight", "include", "exclude", "propagate_down"}) {
    static_cast<void>(layer_.child(key));
  }
}

void LayerFields::accept(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) static_cast<void>(layer_.child(key));
}

void LayerFields::finish(std::size_t parameters) {
  own_.finish();
  layer_.finish();
  if (spec_.parameters.size() <= parameters) return;
  const Node surplus = layer_.child("param").items()[parameters];
  if (parameters == 0) {
    surplus.fail(fmt::format("layer.param: a layer of type {} has no parameters: leave it out", spec_.type));
  }
  surplus.fail(fmt::format("layer.param: is for {} parameters, but this {} has {}: leave out what is too many",
                           spec_.parameters.size(), spec_.type, parameters));
}

Filler read_filler(Fields& fields, const std::string& key) {
  Filler filler;
  const Node node = fields.child(key);
  if (node.kind() == Node::Kind::kEmpty) return filler;
  Fields own(node, key);
  filler.type = static_cast<Filler::Type>(own.choice("type", {"constant", "gaussian", "uniform", "xavier", "msra"}, 0));
  filler.value = own.number("value", 0.0, kFloats);
  filler.mean = own.number("mean", 0.0, kFloats);
  filler.std = own.number("std", 1.0, kFloatsFrom0);
  filler.minimum = own.number("min", 0.0, kFloats);
  filler.maximum = own.number("max", 1.0, kFloats);
  filler.variance = static_cast<Filler::Variance>(own.choice("variance_norm", {"FAN_IN", "FAN_OUT", "AVERAGE"}, 0));
  own.finish();
  return filler;
}

namespace {

/// One number for both axes, a list of two, or a pair of keys.
void read_pair(Fields& fields, const std::string& both, const std::string& one, std::int64_t otherwise, Range range,
               std::int64_t& height, std::int64_t& width) {
  const std::vector<std::int64_t> values = fields.integers(both, range);
  if (values.size() > 2) fields.fail(both, "has at most two values, for height and width");
  height = values.empty() ? otherwise : values.front();
  width = values.empty() ? otherwise : values.back();
  const bool split = fields.has(one + "_h") || fields.has(one + "_w");
  if (split && !values.empty()) fields.fail(both, fmt::format("give it or {0}_h and {0}_w, not both", one));
  height = fields.integer(one + "_h", height, range);
  width = fields.integer(one + "_w", width, range);
}

}  // namespace

Window read_window(Fields& fields) {
  Window window;
  read_pair(fields, "kernel_size", "kernel", 0, {0, kExtents.maximum}, window.kernel_height, window.kernel_width);
  read_pair(fields, "stride", "stride", 1, kExtents, window.stride_height, window.stride_width);
  read_pair(fields, "pad", "pad", 0, kPaddings, window.pad_height, window.pad_width);
  return window;
}

void expect_softmax_over_channels(const Node& softmax_param) {
  Fields fields(softmax_param, "softmax_param");
  if (fields.integer("axis", 1) != 1) fields.fail("axis", "must be 1, the channels");
  static_cast<void>(fields.text("engine", ""));
  fields.finish();
}

void apply_parameter_specs(const LayerSpec& spec, std::vector<Parameter>& parameters) {
  for (std::size_t i = 0; i < spec.parameters.size(); ++i) {
    parameters[i].rate_factor = spec.parameters[i].rate_factor;
    parameters[i].decay_factor = spec.parameters[i].decay_factor;
  }
}

Tensor make_unused_gradient(LayerSetup& setup, const std::vector<Parameter>& parameters) {
  if (parameters.size() < 2 || !parameters[0].gradient.empty() || parameters[1].gradient.empty()) return {};
  return setup.backend.make(TensorDescription::row_major(parameters[0].shape));
}

void expect_inputs(std::span<const Shape> inputs, std::size_t count) {
  if (inputs.size() == count) return;
  refuse_shape(fmt::format("takes {} (bottom), not {}", bosen::counted(count, "input"), inputs.size()));
}

void expect_rank(const Shape& shape, int rank) {
  if (shape.rank() < rank)
    refuse_shape(fmt::format("its input has the shape {}, but {} axes are needed", shape.text(), rank));
}

void refuse_shape(const std::string& reason) { throw bosen::Error(bosen::ErrorKind::kConfiguration, reason); }

}  // namespace poseidon
