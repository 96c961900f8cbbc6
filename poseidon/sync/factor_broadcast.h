#pragma once

// Scheme `sfb` under bsp: every worker sends its batch's inputs and output gradients of an inner product to every other
// worker, and each puts the sum of all gradients together by one matrix product (sufficient factor broadcasting; Xie et
// al., UAI'16; Zhang et al., ATC'17, section 3.2). Factors are laid in the order of the workers, so all get the same
// sum.

#include <cstddef>
#include <vector>

#include "bosen/channel.h"
#include "poseidon/layer.h"
#include "poseidon/sync/synchronizer.h"

namespace poseidon {

class FactorBroadcast final : public Synchronizer {
 public:
  /// The layer has sufficient factors: a weight, and at most a bias.
  FactorBroadcast(bosen::Channel channel, std::int64_t predicted_bytes, Backend& backend, Layer& layer, int workers);

  [[nodiscard]] Scheme scheme() const override { return Scheme::kSfb; }
  void gradient_ready() override;
  void start(bosen::Worker& worker) override;
  Outcome finish(bosen::Worker& worker) override;
  [[nodiscard]] std::int64_t predicted_bytes() const override { return predicted_bytes_; }
  [[nodiscard]] bosen::Traffic traffic() const override { return channel_.traffic(); }

 private:
  void prepare(const SufficientFactors& factors);

  const bosen::Channel channel_;
  const std::int64_t predicted_bytes_;
  Backend& backend_;
  Layer& layer_;
  const int workers_;
  std::int64_t clock_ = 0;  ///< of the last start; tags its messages
  // Sized by the first start.
  std::size_t input_count_ = 0;            ///< floats of one worker's inputs
  std::size_t output_count_ = 0;           ///< of its output gradients
  std::vector<float> own_;                 ///< inputs, then output gradients
  std::vector<float> inputs_, gradients_;  ///< of all workers, in their order
  Tensor all_inputs_, all_gradients_;      ///< the same on the device
};

}  // namespace poseidon
