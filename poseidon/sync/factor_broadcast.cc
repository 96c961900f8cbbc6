#include "poseidon/sync/factor_broadcast.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bosen/error.h"
#include "bosen/worker.h"

namespace poseidon {

FactorBroadcast::FactorBroadcast(bosen::Channel channel, Backend& backend, Layer& layer, int workers)
    : channel_(channel), backend_(backend), layer_(layer), workers_(workers) {
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

std::span<const std::byte> FactorBroadcast::own_bytes() const { return std::as_bytes(factors()); }

void FactorBroadcast::start(bosen::Worker& worker) {
  clock_ = worker.clock();
  for (int to = 0; to < workers_; ++to) {
    if (to != worker.id()) channel_.send(worker, to, clock_, own_bytes());
  }
}

void FactorBroadcast::await(bosen::Worker& worker) {
  const std::size_t message_bytes = own_bytes().size();
  const auto input_bytes = static_cast<std::size_t>(own_->input.count()) * sizeof(float);
  auto* const inputs = reinterpret_cast<std::byte*>(all_->host.data()[0]);
  auto* const gradients = reinterpret_cast<std::byte*>(all_->host.data()[0] + all_->gradient_offset);
  for (int from = 0; from < workers_; ++from) {
    const auto lay = [&](const std::byte* bytes) {
      const auto place = static_cast<std::size_t>(from);
      std::memcpy(inputs + place * input_bytes, bytes, input_bytes);
      std::memcpy(gradients + place * (message_bytes - input_bytes), bytes + input_bytes, message_bytes - input_bytes);
    };
    if (from == worker.id()) {
      lay(own_bytes().data());
      continue;
    }
    const bosen::ChannelMessage message = channel_.receive(worker, clock_, from);
    if (message.bytes.size() != message_bytes) {
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         "layer '" + layer_.name() + "': worker " + std::to_string(from) + " sent factors of " +
                             std::to_string(message.bytes.size()) + " bytes, not " + std::to_string(message_bytes) +
                             ": give every worker the same batch");
    }
    lay(message.bytes.data());
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
