#include "poseidon/net_description.h"

namespace poseidon {
namespace {

LayerDescription describe_layer(const NetGraph& graph, int number) {
  const GraphLayer& place = graph.layers[static_cast<std::size_t>(number)];
  LayerDescription description;
  description.layer = number;
  description.name = place.layer->name();
  description.type = place.type;
  const auto shape_of = [&](int blob) { return graph.blobs[static_cast<std::size_t>(blob)].shape; };
  for (const int input : place.inputs) description.inputs.push_back(shape_of(input));
  for (const int output : place.outputs) description.outputs.push_back(shape_of(output));
  if (!description.outputs.empty() && description.outputs[0].rank() > 0) description.batch = description.outputs[0][0];
  description.forward_flops = place.layer->forward_flops();
  const std::vector<Parameter>& parameters = place.layer->parameters();
  for (const Parameter& parameter : parameters) {
    if (!parameter.learned) continue;
    description.parameters += parameter.shape.count();
    if (parameter.rate_factor != 0 && place.runs_backward) description.exchanged.push_back(parameter.shape.count());
  }
  if (place.layer->has_sufficient_factors()) {
    description.factor_outputs = parameters[0].shape[0];
    description.factor_inputs = parameters[0].shape[1];
  }
  return description;
}

}  // namespace

NetDescription describe_net(const NetSpec& spec, const LayerContext& context) {
  const NetGraph graph = make_graph(spec, context);
  NetDescription description;
  description.name = graph.name;
  for (int number = 0; number < static_cast<int>(graph.layers.size()); ++number) {
    description.layers.push_back(describe_layer(graph, number));
    description.parameters += description.layers.back().parameters;
    description.forward_flops += description.layers.back().forward_flops;
  }
  std::int64_t elements = 2 * description.parameters;
  for (const GraphBlob& blob : graph.blobs) elements += blob.shape.count() * (blob.needs_gradient ? 2 : 1);
  description.memory_bytes = elements * static_cast<std::int64_t>(sizeof(float));
  return description;
}

}  // namespace poseidon
