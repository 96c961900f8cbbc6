#include "poseidon/net_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "bosen/counted.h"
#include "bosen/error.h"
#include "bosen/suggestion.h"

namespace poseidon {
namespace {

/// Whether the layer is a plain ReLU that changes in place what the one before it has written, and that one can do it
/// itself.
bool folds_into(const LayerSpec& relu, const LayerSpec& before, const LayerContext& context) {
  if (relu.type != "ReLU" || relu.bottoms != before.tops || relu.tops != before.tops || before.tops.size() != 1) {
    return false;
  }
  if (const Node* const parameters = relu.node.find("relu_param")) {
    const Node* const slope = parameters->find("negative_slope");
    if (slope != nullptr && slope->text() != "0") return false;
  }
  const bool into_passes = context.folds_relu || context.folds_relu_into_passes;
  if (before.type == "BatchNorm") return into_passes;
  if (before.type == "Eltwise") {
    const Node* const parameters = before.node.find("eltwise_param");
    const Node* const operation = parameters == nullptr ? nullptr : parameters->find("operation");
    return into_passes && (operation == nullptr || operation->text() == "SUM");
  }
  return context.folds_relu && (before.type == "Convolution" || before.type == "InnerProduct");
}

/// Refuses a Scale whose BatchNorm's output one of the layers after it reads: there is no such output.
void expect_unread(const std::string& output, const LayerSpec& scale, std::span<const LayerSpec> after) {
  for (const LayerSpec& layer : after) {
    if (std::ranges::find(layer.bottoms, output) == layer.bottoms.end()) continue;
    scale.node.fail(
        fmt::format("layer '{}': is computed with the BatchNorm before it, whose own output '{}' layer '{}' reads as "
                    "well: let it "
                    "read '{}', or give this layer the top '{}'",
                    scale.name, output, layer.name, scale.tops[0], output));
  }
}

/// What Caffe would heed and this net does not: such a net would train as another one. Of all layers, those too that
/// become part of others.
void refuse_unheeded(const std::vector<LayerSpec>& layers) {
  std::set<std::string> names;
  std::set<std::string> parameter_names;
  const auto is_weight = [](double weight) { return weight != 0; };
  for (const LayerSpec& layer : layers) {
    if (!names.insert(layer.name).second) {
      layer.node.fail("there are two layers named '" + layer.name + "' in one phase");
    }
    const Fields fields(layer.node, "layer '" + layer.name + "'");
    if (layer.type != "SoftmaxWithLoss" && std::ranges::any_of(layer.loss_weights, is_weight)) {
      fields.fail("loss_weight", "its type is no loss, so it can't have one");
    }
    for (const ParameterSpec& parameter : layer.parameters) {
      if (!parameter.name.empty() && !parameter_names.insert(parameter.name).second) {
        fields.fail("param", "another layer has the name '" + parameter.name +
                                 "' for its parameter; layers can't share parameters: give each its own name, or none");
      }
    }
    const Node* const propagate = layer.node.find("propagate_down");
    for (const Node& item : propagate == nullptr ? std::vector<Node>() : propagate->items()) {
      if (item.text() != "true") {
        item.fail("layer '" + layer.name +
                  "': propagate_down: gradients always go down; to freeze what lies below, give it lr_mult: 0");
      }
    }
  }
}

/// Refuses two layers that write one output, but for a layer in place: the first one's would be lost without a word.
void expect_one_writer(const std::vector<LayerSpec>& layers) {
  std::map<std::string, const LayerSpec*> writers;
  for (const LayerSpec& layer : layers) {
    for (const std::string& top : layer.tops) {
      const LayerSpec*& writer = writers[top];
      const bool in_place = std::ranges::find(layer.bottoms, top) != layer.bottoms.end();
      if (writer == &layer || (writer != nullptr && !in_place)) {
        Fields(layer.node, "layer '" + layer.name + "'")
            .fail("top",
                  fmt::format("layer '{}' writes '{}' already: give this one another name, or let it read '{}' as "
                              "well, to change it in place",
                              writer->name, top, top));
      }
      writer = &layer;
    }
  }
}

/// The layers of one phase, each with its outputs' names (its own where it gives none); a Scale that directly follows a
/// BatchNorm, and alone reads it, becomes part of it, and ReLUs where the context says so.
std::vector<LayerSpec> layers_of_phase(const NetSpec& spec, const LayerContext& context) {
  std::vector<LayerSpec> all;
  for (const LayerSpec& layer : spec.layers) {
    if (!(context.phase == Phase::kTrain ? layer.in_train : layer.in_test)) continue;
    all.push_back(layer);
    if (layer.tops.empty()) all.back().tops = {layer.name};
  }
  refuse_unheeded(all);
  expect_one_writer(all);
  std::vector<LayerSpec> layers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const LayerSpec& layer = all[i];
    if (!layers.empty() && !layers.back().relu && folds_into(layer, layers.back(), context)) {
      static_cast<void>(make_layer(layer, context));  // which refuses what it does not know
      layers.back().relu = true;
      continue;
    }
    if (layer.type != "Scale") {
      layers.push_back(layer);
      continue;
    }
    const bool follows = !layers.empty() && layers.back().type == "BatchNorm" && layers.back().scale == nullptr &&
                         layer.bottoms == layers.back().tops && layer.tops.size() == 1;
    if (!follows)
      layer.node.fail("layer '" + layer.name +
                      "': a Scale layer must directly follow a BatchNorm layer and read its output");
    if (layer.tops != layer.bottoms) expect_unread(layer.bottoms[0], layer, std::span(all).subspan(i + 1));
    layers.back().scale = std::make_shared<LayerSpec>(layer);
    layers.back().tops = layer.tops;
  }
  return layers;
}

/// Who reads which output: name and version (a top that exists already is a new version).
using Readers = std::map<std::pair<std::string, int>, int>;

Readers count_readers(const std::vector<LayerSpec>& layers) {
  std::map<std::string, int> version;
  Readers readers;
  for (const LayerSpec& layer : layers) {
    for (const std::string& bottom : layer.bottoms) ++readers[{bottom, version[bottom]}];
    for (const std::string& top : layer.tops) ++version[top];
  }
  return readers;
}

class Builder {
 public:
  Builder(const NetSpec& spec, const LayerContext& context)
      : context_(context), layers_(layers_of_phase(spec, context)), readers_(count_readers(layers_)) {
    graph_.name = spec.name;
    for (const LayerSpec& layer : layers_) add(layer);
    find_gradients();
  }

  NetGraph take() { return std::move(graph_); }

 private:
  struct Available {
    int version = 0;
    std::vector<int> blobs;  ///< one for each reader that is still to come
  };

  void add(const LayerSpec& spec) {
    GraphLayer layer;
    layer.type = spec.type;
    for (const std::string& bottom : spec.bottoms) layer.inputs.push_back(take_input(spec, bottom));
    layer.layer = make_layer(spec, context_);
    const int index = static_cast<int>(graph_.layers.size());
    const std::vector<Shape> shapes = infer(spec, layer);
    if (spec.tops.size() != shapes.size()) {
      spec.node.fail(fmt::format("layer '{}': has {} (top), not {}", spec.name, bosen::counted(shapes.size(), "output"),
                                 spec.tops.size()));
    }
    for (const int input : layer.inputs) graph_.blobs[static_cast<std::size_t>(input)].reader = index;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      layer.outputs.push_back(new_blob(spec.tops[i], shapes[i], index));
    }
    const std::vector<int> outputs = layer.outputs;
    graph_.layers.push_back(std::move(layer));
    for (const int output : outputs) offer(spec, output);
  }

  std::vector<Shape> infer(const LayerSpec& spec, GraphLayer& layer) {
    std::vector<Shape> inputs;
    for (const int input : layer.inputs) inputs.push_back(graph_.blobs[static_cast<std::size_t>(input)].shape);
    try {
      std::vector<Shape> outputs = layer.layer->infer(inputs);
      for (const Shape& output : outputs) (void)output.count();  // which fails where it is beyond all memory
      for (const Parameter& parameter : layer.layer->parameters()) (void)parameter.shape.count();
      return outputs;
    } catch (const bosen::Error& error) {
      spec.node.fail(fmt::format("layer '{}': {}", spec.name, error.what()));
    }
  }

  int take_input(const LayerSpec& spec, const std::string& bottom) {
    const auto found = available_.find(bottom);
    if (found == available_.end()) {
      std::vector<std::string> names;
      for (const auto& [name, blobs] : available_) names.push_back(name);
      spec.node.fail(fmt::format("layer '{}': no layer before it has an output '{}'{}", spec.name, bottom,
                                 bosen::suggestion(bottom, names)));
    }
    const int blob = found->second.blobs.back();
    found->second.blobs.pop_back();
    return blob;
  }

  int new_blob(const std::string& name, const Shape& shape, int writer) {
    graph_.blobs.push_back({.name = name, .shape = shape, .writer = writer});
    return static_cast<int>(graph_.blobs.size()) - 1;
  }

  /// Makes an output available to its readers, through a split where there are several.
  void offer(const LayerSpec& spec, int output) {
    const std::string name = graph_.blobs[static_cast<std::size_t>(output)].name;
    Available& available = available_[name];
    const int version = ++versions_[name];
    const int readers = readers_[{name, version}];
    available.blobs.clear();
    if (readers <= 1) {
      available.blobs.push_back(output);
      return;
    }
    LayerSpec split;
    split.name = fmt::format("{}_{}_split", name, spec.name);
    split.type = "Split";
    split.tops.assign(static_cast<std::size_t>(readers), name);
    const int index = static_cast<int>(graph_.layers.size());
    GraphLayer layer;
    layer.type = split.type;
    layer.layer = make_layer(split, context_);
    layer.inputs = {output};
    const Shape shape = graph_.blobs[static_cast<std::size_t>(output)].shape;
    static_cast<void>(layer.layer->infer(std::vector<Shape>{shape}));
    graph_.blobs[static_cast<std::size_t>(output)].reader = index;
    for (int reader = 0; reader < readers; ++reader) {
      layer.outputs.push_back(new_blob(name, shape, index));
    }
    available.blobs.assign(layer.outputs.rbegin(), layer.outputs.rend());  // taken from the back
    graph_.layers.push_back(std::move(layer));
  }

  /// A blob needs a gradient where something learns before it; a layer runs backward where such a blob, or a parameter
  /// of its own, lies before a loss.
  void find_gradients() {
    for (GraphLayer& layer : graph_.layers) {
      bool learns = false;
      for (const Parameter& parameter : layer.layer->parameters()) {
        learns = learns || (parameter.learned && parameter.rate_factor != 0);
      }
      for (const int input : layer.inputs) learns = learns || blob(input).needs_gradient;
      for (const int output : layer.outputs) blob(output).needs_gradient = learns;
    }
    for (auto layer = graph_.layers.rbegin(); layer != graph_.layers.rend(); ++layer) {
      bool reaches = layer->layer->loss_weight() != 0;
      for (const int output : layer->outputs) reaches = reaches || blob(output).reaches_loss;
      for (const int input : layer->inputs) blob(input).reaches_loss = reaches;
      bool learns = false;
      for (const int output : layer->outputs) learns = learns || blob(output).needs_gradient;
      layer->runs_backward = reaches && learns;
    }
    for (GraphBlob& blob : graph_.blobs) blob.needs_gradient = blob.needs_gradient && blob.reaches_loss;
  }

  GraphBlob& blob(int index) { return graph_.blobs[static_cast<std::size_t>(index)]; }

  const LayerContext context_;
  const std::vector<LayerSpec> layers_;
  Readers readers_;
  std::map<std::string, Available> available_;
  std::map<std::string, int> versions_;
  NetGraph graph_;
};

}  // namespace

NetGraph make_graph(const NetSpec& spec, const LayerContext& context) { return Builder(spec, context).take(); }

std::int64_t NetGraph::parameter_count() const {
  std::int64_t count = 0;
  for (const GraphLayer& layer : layers) {
    for (const Parameter& parameter : layer.layer->parameters())
      count += parameter.learned ? parameter.shape.count() : 0;
  }
  return count;
}

}  // namespace poseidon
