#pragma once

// What a net's Data layer says about its examples: where they are, how many make a batch, and how they are changed on
// the way in. The net checks shapes with it; whoever makes a BatchSource follows it.
//
//     data_param: {source: fashion-mnist, batch_size: 64, shape: [1, 28, 28], classes: 10}
//     transform_param: {scale: 0.00390625, crop_size: 24, mirror: true, mean_value: [104, 117, 123]}

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "poseidon/shape.h"
#include "poseidon/spec/net_spec.h"

namespace poseidon {

/// What happens to an image, in this order: crop, subtract the mean, scale, mirror (Caffe's transform_param).
struct TransformSpec {
  double scale = 1;
  bool mirror = false;                   ///< half of the images, by chance
  std::int64_t crop_size = 0;            ///< 0: as it is; random in training, central in tests
  std::vector<double> mean_values = {};  ///< of pixels of 0 .. 255: one number, or one for each channel; empty: none
  bool mean_image = false;               ///< the data set's own mean image is subtracted
};

struct DataSpec {
  std::string source;           ///< folder of the data set; empty: given from outside
  std::int64_t batch_size = 0;  ///< examples
  std::optional<Shape> shape;   ///< channels, height, width before cropping; nothing: as the data set has it
  std::int64_t classes = 0;     ///< 0: as the data set has it
  TransformSpec transform;
};

/// Reads a layer of type Data. Throws bosen::Error(kConfiguration): file:line:column, key, and what is wrong with it.
[[nodiscard]] DataSpec read_data_spec(const LayerSpec& layer);

/// The Data layer of a phase. Throws bosen::Error(kConfiguration) where there is none, or more than one.
[[nodiscard]] const LayerSpec& data_layer(const NetSpec& net, bool train);

}  // namespace poseidon
