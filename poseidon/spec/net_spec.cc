#include "poseidon/spec/net_spec.h"

#include <fmt/format.h>

#include "poseidon/spec/utf8.h"

namespace poseidon {
namespace {

std::string phase_of(const Node& rule, const std::string& what) {
  Fields fields(rule, what);
  const std::vector<std::string> phases{"TRAIN", "TEST"};
  const std::size_t phase = fields.choice("phase", phases, std::nullopt);
  fields.finish();
  return phases[phase];
}

/// Whether the layer belongs to a phase, by its include or exclude rules (Caffe knows more of them than the phase).
void read_rules(Fields& fields, LayerSpec& layer) {
  const Node include = fields.children("include");
  const Node exclude = fields.children("exclude");
  if (include.kind() != Node::Kind::kEmpty && exclude.kind() != Node::Kind::kEmpty) {
    fields.fail("exclude", "a layer has rules to include it or rules to exclude it, not both");
  }
  if (include.kind() != Node::Kind::kEmpty) {
    layer.in_train = layer.in_test = false;
    for (const Node& rule : include.items()) {
      (phase_of(rule, "include") == "TRAIN" ? layer.in_train : layer.in_test) = true;
    }
  }
  for (const Node& rule : exclude.items()) {
    (phase_of(rule, "exclude") == "TRAIN" ? layer.in_train : layer.in_test) = false;
  }
}

/// Names are written to snapshots, timelines and metrics, which hold nothing else.
void expect_utf8(const Fields& fields, const char* key, const std::string& name) {
  if (!is_utf8(name)) fields.fail(key, "is not UTF-8: save the file so");
}

LayerSpec read_layer(const Node& node) {
  LayerSpec layer;
  layer.node = node;
  Fields fields(node, "layer");
  layer.name = fields.text("name", std::nullopt);
  layer.type = fields.text("type", std::nullopt);
  if (layer.name.empty()) fields.fail("name", "must not be empty");
  expect_utf8(fields, "name", layer.name);
  layer.bottoms = fields.texts("bottom");
  layer.tops = fields.texts("top");
  for (const std::string& top : layer.tops) expect_utf8(fields, "top", top);
  layer.loss_weights = fields.numbers("loss_weight", kFloats);
  const Node parameters = fields.children("param");
  for (const Node& item : parameters.items()) {
    Fields param(item, "param");
    ParameterSpec parameter;
    parameter.name = param.text("name", "");
    parameter.rate_factor = param.number("lr_mult", 1.0, kFloatsFrom0);
    parameter.decay_factor = param.number("decay_mult", 1.0, kFloatsFrom0);
    param.finish();
    layer.parameters.push_back(parameter);
  }
  static_cast<void>(fields.children("propagate_down"));  // read by NetGraph; refused here where it is there twice
  read_rules(fields, layer);
  return layer;
}

}  // namespace

NetSpec parse_net_spec(const Node& root, const std::string& file) {
  NetSpec spec;
  spec.file = file;
  Fields fields(root, "");
  spec.name = fields.text("name", "net");
  expect_utf8(fields, "name", spec.name);
  const Node layers = fields.children("layer");
  fields.finish();
  if (layers.kind() != Node::Kind::kList || layers.items().empty()) {
    fields.fail("layer", "a net has a list of layers ('layer:', then one '- name: ...' for each)");
  }
  for (const Node& layer : layers.items()) spec.layers.push_back(read_layer(layer));
  return spec;
}

NetSpec parse_net_spec(const std::string& text, const std::string& file) {
  return parse_net_spec(Node::parse(text, file), file);
}

NetSpec read_net_spec(const std::string& path) { return parse_net_spec(Node::read_file(path), path); }

}  // namespace poseidon
