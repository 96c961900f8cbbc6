#pragma once

// The layer types that nets may name.

#include <memory>

#include "poseidon/data/batch_source.h"
#include "poseidon/layer.h"
#include "poseidon/spec/net_spec.h"

namespace poseidon {

/// What a layer may need beside its own lines. Most need nothing of it.
struct LayerContext {
  Phase phase = Phase::kTrain;
  std::int64_t batch = 0;         ///< images a batch; 0: as the data layer says
  BatchSource* source = nullptr;  ///< of the data layer; may be null where it states its shape
  bool folds_relu = false;        ///< ReLUs in place become part of the layer before, which leaves their work to it
  bool folds_relu_into_passes = false;  ///< at least of batch normalisations and sums (Backend::fuses_relu_into_passes)
};

/// Makes the layer of spec.type. Throws bosen::Error(kConfiguration) with file:line:column where the type or a key is
/// unknown or a value wrong.
std::unique_ptr<Layer> make_layer(const LayerSpec& spec, const LayerContext& context);

}  // namespace poseidon
