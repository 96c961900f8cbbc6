#pragma once

// What layers share in reading their lines and checking their inputs.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "poseidon/backend.h"
#include "poseidon/layer.h"
#include "poseidon/spec/net_spec.h"

namespace poseidon {

/// Extents and counts that a net can state.
inline constexpr Range kExtents{1, 1 << 24};
inline constexpr Range kPaddings{0, 1 << 20};

/// Reads a layer's own map ("convolution_param") and sees to it that nothing is left unread, in it and in the layer.
class LayerFields {
 public:
  /// `own` is the name of the map, empty where the type has none.
  LayerFields(const LayerSpec& spec, const std::string& own);

  Fields& operator*() { return own_; }
  Fields* operator->() { return &own_; }

  /// Further maps of the layer that somebody else reads.
  void accept(const std::vector<std::string>& keys);

  /// Throws where a key is unknown, or the layer's `param` list is for more than its `parameters`.
  void finish(std::size_t parameters = 0);

 private:
  const LayerSpec& spec_;
  Fields layer_;
  Fields own_;
};

/// A map `key: {type: xavier, ...}`.
Filler read_filler(Fields& fields, const std::string& key);

/// A window by kernel_size or kernel_h and kernel_w, and the same for stride and pad, as Caffe has them.
Window read_window(Fields& fields);

/// A `softmax_param`, of the softmax or of a loss that has one inside.
void expect_softmax_over_channels(const Node& softmax_param);

/// Gives parameters the learning-rate and decay factors of the layer's `param` list, which has at most as many (see
/// LayerFields::finish).
void apply_parameter_specs(const LayerSpec& spec, std::vector<Parameter>& parameters);

/// Memory for the gradient of a frozen weight beside a bias that learns, as backends compute the two together; else
/// empty. For `set_up`.
Tensor make_unused_gradient(LayerSetup& setup, const std::vector<Parameter>& parameters);

/// Throws bosen::Error(kConfiguration) where there are more or fewer.
void expect_inputs(std::span<const Shape> inputs, std::size_t count);
/// At least `rank` axes.
void expect_rank(const Shape& shape, int rank);

[[noreturn]] void refuse_shape(const std::string& reason);

}  // namespace poseidon
