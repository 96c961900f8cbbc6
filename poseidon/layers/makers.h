#pragma once

// One function for each type of layer; a line each in registry.cc.

#include <memory>

#include "poseidon/layers/registry.h"

namespace poseidon {

using LayerPtr = std::unique_ptr<Layer>;

LayerPtr make_accuracy_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_batch_norm_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_concat_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_convolution_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_data_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_dropout_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_eltwise_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_flatten_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_inner_product_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_lrn_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_pooling_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_relu_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_sigmoid_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_softmax_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_softmax_loss_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_split_layer(const LayerSpec& spec, const LayerContext& context);
LayerPtr make_tanh_layer(const LayerSpec& spec, const LayerContext& context);

}  // namespace poseidon
