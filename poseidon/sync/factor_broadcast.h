#pragma once

// Scheme `sfb` under bsp: every worker sends its batch's inputs and output gradients of an inner product to every other
// worker, and each puts the sum of all gradients together by one matrix product (sufficient factor broadcasting; Xie et
// al., UAI'16; Zhang et al., ATC'17, section 3.2). Factors are laid in the order of the workers, so all get the same
// sum. Backward itself makes no gradient of the layer's parameters then.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bosen/channel.h"
#include "poseidon/layer.h"
#include "poseidon/sync/gradient_codec.h"
#include "poseidon/sync/host_tensors.h"
#include "poseidon/sync/synchronizer.h"

namespace poseidon {

class FactorBroadcast final : public Synchronizer {
 public:
  /// The layer has sufficient factors: a weight, and at most a bias.
  FactorBroadcast(bosen::Channel channel, Codec codec, Backend& backend, Layer& layer, int workers);
  ~FactorBroadcast() override;
  FactorBroadcast(const FactorBroadcast&) = delete;
  FactorBroadcast& operator=(const FactorBroadcast&) = delete;

  [[nodiscard]] Scheme scheme() const override { return Scheme::kSfb; }
  void gradient_ready() override;
  [[nodiscard]] bool makes_gradients() const override { return true; }
  [[nodiscard]] std::span<const float> factors() const override;
  void fetch() override {}  // begun by gradient_ready
  [[nodiscard]] bool is_fetched() override { return own_->host.is_fetched(); }
  void await_fetch() override { own_->host.await_fetch(); }
  void start(bosen::Worker& worker) override;
  void await(bosen::Worker& worker) override;
  Outcome finish() override;

 private:
  /// A tensor of inputs and one of output gradients, one after the other in one tensor, and how the host sees that.
  struct Factors {
    /// The second begins at a multiple of `alignment` floats.
    Factors(Backend& backend, const Shape& inputs, const Shape& gradients, std::int64_t alignment);
    Factors(const Factors&) = delete;
    Factors& operator=(const Factors&) = delete;

    const std::int64_t gradient_offset;  ///< floats
    Tensor both, input, gradient;
    HostTensors host;
  };
  void make_room(const SufficientFactors& factors);
  void encode_own();
  [[nodiscard]] std::span<const std::byte> own_bytes() const;
  /// Lays what worker `from` sent where its factors belong.
  void lay(int from, std::span<const std::byte> bytes);

  const bosen::Channel channel_;
  const Codec codec_;
  Backend& backend_;
  Layer& layer_;
  const int workers_;
  std::int64_t clock_ = 0;  ///< of the last start; tags its messages
  // Made when the first gradients are ready.
  std::optional<Factors> own_;       ///< this worker's, which leave
  std::optional<Factors> all_;       ///< of all workers, in their order
  std::vector<std::int32_t> coded_;  ///< this worker's, inputs and then gradients; none of kFp32
  std::vector<float> lost_;          ///< by that; nothing follows that could make up for it
};

}  // namespace poseidon
