// Local response normalisation and softmax by oneDNN.

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/unary_primitive.h"

namespace poseidon::cpu {
namespace {

using dnnl::algorithm;
using dnnl::prop_kind;

}  // namespace

std::unique_ptr<UnaryOperation> make_lrn(const Device& device, const LrnOptions& options,
                                         const TensorDescription& input) {
  using Forward = dnnl::lrn_forward;
  using Backward = dnnl::lrn_backward;
  const algorithm kind = options.region == LrnOptions::Region::kAcrossChannels ? algorithm::lrn_across_channels
                                                                               : algorithm::lrn_within_channel;
  const dnnl::memory::desc desc = desc_of(input);
  const auto alpha = static_cast<float>(options.alpha);
  const auto beta = static_cast<float>(options.beta);
  const auto k = static_cast<float>(options.k);
  const Forward::primitive_desc forward({prop_kind::forward_training, kind, desc, options.size, alpha, beta, k},
                                        device.engine);
  const Backward::primitive_desc backward({kind, desc, desc, options.size, alpha, beta, k}, device.engine, forward);
  return std::make_unique<UnaryPrimitive<Forward, Backward>>(device, input.shape, forward, backward, input,
                                                             BackwardReads::kInput);
}

std::unique_ptr<UnaryOperation> make_softmax(const Device& device, const TensorDescription& input) {
  using Forward = dnnl::softmax_forward;
  using Backward = dnnl::softmax_backward;
  const dnnl::memory::desc desc = desc_of(input);
  const Forward::primitive_desc forward({prop_kind::forward_training, desc, 1}, device.engine);
  const Backward::primitive_desc backward({desc, desc, 1}, device.engine, forward);
  return std::make_unique<UnaryPrimitive<Forward, Backward>>(device, input.shape, forward, backward, input,
                                                             BackwardReads::kOutput);
}

}  // namespace poseidon::cpu
