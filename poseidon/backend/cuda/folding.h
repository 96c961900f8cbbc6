#pragma once

// Images of few channels, such as a net's first, as tensor cores like them: with places folded into channels, so that a
// convolution of some stride becomes one of stride 1 on as many more channels ("space to depth").

#include "poseidon/backend/cuda/device.h"
#include "poseidon/tensor.h"

namespace poseidon::cuda {

/// packed[n, (dy * stride_width + dx) * channels + c, y, x] = plain[n, c, y * stride_height + dy - pad_height, ...],
/// and zero where that is outside, or where there are more channels.
struct Folding {
  int stride_height = 1, stride_width = 1;
  int pad_height = 0, pad_width = 0;
};

/// From a row-major image to one that has its channels innermost, as many as fill packs of sixteen bytes.
void fold_places(Device& device, const Folding& folding, const Tensor& plain, Tensor& packed);
/// Back; what is outside is dropped.
void unfold_places(Device& device, const Folding& folding, const Tensor& packed, Tensor& plain);

}  // namespace poseidon::cuda
