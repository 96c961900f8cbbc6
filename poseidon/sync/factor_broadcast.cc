#include "poseidon/sync/factor_broadcast.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bosen/error.h"
#include "bosen/worker.h"

namespace poseidon {

FactorBroadcast::FactorBroadcast(bosen::Channel channel, Codec codec, Backend& backend, Layer& layer, int workers)
    : channel_(channel), codec_(codec), backend_(backend), layer_(layer), workers_(workers) {
  layer_.leave_parameter_gradients(true);
}

FactorBroadcast::~FactorBroadcast() { layer_.leave_parameter_gradients(false); }

FactorBroadcast::Factors::Factors(Backend& backend, const Shape& inputs, const Shape& gradients, std::int64_t alignment)
    : gradient_offset((inputs.count() + alignment - 1) / alignment * alignment),
      both(backend.make(TensorDescription::row_major({gradient_offset + gradients.count()}))),
      input(both.part(inputs, 0)),
      gradient(both.part(gradients, gradient_offset)),
      host(backend, {&both}) {}

void FactorBroadcast::make_room(const SufficientFactors& factors) {
  const Shape& inputs = factors.input->shape();
  const Shape& gradients = factors.output_gradient->shape();
  own_.emplace(backend_, inputs, gradients, 1);
  // Matrix products like what they read to be aligned.
  constexpr std::int64_t kAlignmentFloats = 64;
  const std::int64_t rows = workers_ * inputs[0];
  all_.emplace(backend_, Shape{rows, inputs[1]}, Shape{rows, gradients[1]}, kAlignmentFloats);
}

// Copied on the device first: a device that copies to the host beside its computation may be overwriting them by then.
void FactorBroadcast::gradient_ready() {
  const std::optional<SufficientFactors> factors = layer_.sufficient_factors();
  if (!own_) make_room(*factors);
  backend_.copy(*factors->input, own_->input);
  backend_.copy(*factors->output_gradient, own_->gradient);
  own_->host.begin_fetch();
}

std::span<const float> FactorBroadcast::factors() const {
  return {own_->host.data()[0], static_cast<std::size_t>(own_->both.count())};
}

std::span<const std::byte> FactorBroadcast::own_bytes() const {
  return codec_ == Codec::kFp32 ? std::as_bytes(factors()) : std::as_bytes(std::span(coded_));
}

void FactorBroadcast::encode_own() {
  const auto inputs = static_cast<std::size_t>(own_->input.count());
  const auto input_words = static_cast<std::size_t>(coded_words(codec_, own_->input.count()));
  coded_.resize(input_words + static_cast<std::size_t>(coded_words(codec_, own_->gradient.count())));
  lost_.resize(factors().size());
  encode(codec_, factors().first(inputs), std::span(coded_).first(input_words), std::span(lost_).first(inputs));
  encode(codec_, factors().subspan(inputs), std::span(coded_).subspan(input_words), std::span(lost_).subspan(inputs));
}

void FactorBroadcast::start(bosen::Worker& worker) {
  clock_ = worker.clock();
  if (codec_ != Codec::kFp32) encode_own();
  for (int to = 0; to < workers_; ++to) {
    if (to != worker.id()) channel_.send(worker, to, clock_, own_bytes());
  }
}

void FactorBroadcast::lay(int from, std::span<const std::byte> bytes) {
  const auto input_words = static_cast<std::size_t>(coded_words(codec_, own_->input.count()));
  const auto put = [&](std::span<const std::byte> part, float* all, std::int64_t count) {
    float* const to = all + from * count;
    if (codec_ == Codec::kFp32) {
      std::memcpy(to, part.data(), part.size());
      return;
    }
    const std::span words(reinterpret_cast<const std::int32_t*>(part.data()), part.size() / sizeof(std::int32_t));
    decode(codec_, words, {to, static_cast<std::size_t>(count)});
  };
  put(bytes.first(input_words * sizeof(std::int32_t)), all_->host.data()[0], own_->input.count());
  put(bytes.subspan(input_words * sizeof(std::int32_t)), all_->host.data()[0] + all_->gradient_offset,
      own_->gradient.count());
}

void FactorBroadcast::await(bosen::Worker& worker) {
  const std::size_t message_bytes = own_bytes().size();
  for (int from = 0; from < workers_; ++from) {
    if (from == worker.id()) {
      lay(from, own_bytes());
      continue;
    }
    const bosen::ChannelMessage message = channel_.receive(worker, clock_, from);
    if (message.bytes.size() != message_bytes) {
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         "layer '" + layer_.name() + "': worker " + std::to_string(from) + " sent factors of " +
                             std::to_string(message.bytes.size()) + " bytes, not " + std::to_string(message_bytes) +
                             ": give every worker the same batch");
    }
    lay(from, message.bytes);
  }
}

Outcome FactorBroadcast::finish() {
  all_->host.put();
  std::vector<Parameter>& parameters = layer_.parameters();
  backend_.multiply_factors(all_->input, all_->gradient, parameters[0].gradient);
  if (parameters.size() > 1 && !parameters[1].gradient.empty()) {
    backend_.sum_rows(all_->gradient, parameters[1].gradient);
  }
  return Outcome::kGradients;
}

}  // namespace poseidon
