#include "poseidon/layers/registry.h"

#include <array>
#include <string>
#include <vector>

#include "bosen/suggestion.h"
#include "poseidon/layers/makers.h"

namespace poseidon {
namespace {

struct LayerType {
  const char* name;
  LayerPtr (*make)(const LayerSpec&, const LayerContext&);
};

constexpr std::array<LayerType, 17> kTypes{{
    {"Accuracy", make_accuracy_layer},
    {"BatchNorm", make_batch_norm_layer},
    {"Concat", make_concat_layer},
    {"Convolution", make_convolution_layer},
    {"Data", make_data_layer},
    {"Dropout", make_dropout_layer},
    {"Eltwise", make_eltwise_layer},
    {"Flatten", make_flatten_layer},
    {"InnerProduct", make_inner_product_layer},
    {"LRN", make_lrn_layer},
    {"Pooling", make_pooling_layer},
    {"ReLU", make_relu_layer},
    {"Sigmoid", make_sigmoid_layer},
    {"Softmax", make_softmax_layer},
    {"SoftmaxWithLoss", make_softmax_loss_layer},
    {"Split", make_split_layer},
    {"TanH", make_tanh_layer},
}};

}  // namespace

std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const LayerContext& context) {
  std::vector<std::string> names;
  for (const LayerType& type : kTypes) {
    if (spec.type == type.name) return type.make(spec, context);
    names.emplace_back(type.name);
  }
  Fields(spec.node, "layer")
      .fail("type", "there is no layer type '" + spec.type + "'" + bosen::suggestion(spec.type, names));
}

}  // namespace poseidon
