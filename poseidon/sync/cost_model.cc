#include "poseidon/sync/cost_model.h"

#include <cmath>

namespace poseidon {
namespace {

constexpr std::int64_t kWordBytes = sizeof(std::int32_t);
/// A layer with fewer costs as good as nothing, and its gradients may be of many sizes (biases, normalisation).
constexpr std::int64_t kCodedParametersMin = 4096;
/// The longest message of a channel.
constexpr std::int64_t kFactorBytesMax = std::int64_t{256} << 20;

}  // namespace

Codec codec_for(Codec wanted, std::int64_t parameters, const Party& party) {
  const bool travels = party.processes > 1 || party.dedicated_servers;
  return travels && parameters >= kCodedParametersMin ? wanted : Codec::kFp32;
}

Codec codec_by(Scheme scheme, Codec codec) {
  if (scheme == Scheme::kPs) return codec;
  return scheme == Scheme::kSfb && codec != Codec::kFp32 ? Codec::kBf16 : Codec::kFp32;
}

std::int64_t ps_bytes(const LayerSize& layer, const Party& party) {
  const std::int64_t bytes = coded_words(layer.codec, layer.parameters) * kWordBytes;
  const std::int64_t gradients = party.adds_up ? 1 : party.workers_per_process;
  if (party.dedicated_servers) return bytes * (gradients + 1);
  // As worker: gradients to the shards of others, sums from them. As shard of a part: the others' gradients, sums to
  // them.
  const double others = party.processes - 1;
  return std::llround(static_cast<double>(bytes) * others / party.processes * 2 * static_cast<double>(gradients + 1));
}

std::optional<std::int64_t> sfb_bytes(const LayerSize& layer, const Party& party) {
  if (layer.factor_inputs == 0) return std::nullopt;
  const Codec codec = codec_by(Scheme::kSfb, layer.codec);
  const std::int64_t factors =
      (coded_words(codec, layer.batch * layer.factor_inputs) + coded_words(codec, layer.batch * layer.factor_outputs)) *
      kWordBytes;
  if (factors > kFactorBytesMax) return std::nullopt;
  const std::int64_t here = party.workers_per_process;
  const std::int64_t elsewhere = party.workers() - here;
  return 2 * here * elsewhere * factors;
}

Scheme choose(Scheme wanted, const LayerSize& layer, const Party& party) {
  if (party.workers() == 1) return Scheme::kNone;
  const std::optional<std::int64_t> factors = sfb_bytes(layer, party);
  if (wanted == Scheme::kPs || !factors) return Scheme::kPs;
  if (wanted == Scheme::kSfb) return Scheme::kSfb;
  // Workers of one process exchange by memory: a table adds gradients where every worker would redo all products.
  if (party.processes == 1) return Scheme::kPs;
  return *factors < ps_bytes(layer, party) ? Scheme::kSfb : Scheme::kPs;
}

std::int64_t predicted_bytes(Scheme scheme, const LayerSize& layer, const Party& party) {
  switch (scheme) {
    case Scheme::kPs:
      return ps_bytes(layer, party);
    case Scheme::kSfb:
      return sfb_bytes(layer, party).value_or(0);
    case Scheme::kNone:
    case Scheme::kAuto:
      break;
  }
  return 0;
}

}  // namespace poseidon
