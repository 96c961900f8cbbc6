#include "poseidon/sync/factor_broadcast.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bosen/error.h"
#include "bosen/worker.h"

namespace poseidon {

FactorBroadcast::FactorBroadcast(bosen::Channel channel, std::int64_t predicted_bytes, Backend& backend, Layer& layer,
                                 int workers)
    : channel_(channel), predicted_bytes_(predicted_bytes), backend_(backend), layer_(layer), workers_(workers) {}

void FactorBroadcast::prepare(const SufficientFactors& factors) {
  input_count_ = static_cast<std::size_t>(factors.input->count());
  output_count_ = static_cast<std::size_t>(factors.output_gradient->count());
  own_.resize(input_count_ + output_count_);
  const auto all = static_cast<std::size_t>(workers_);
  inputs_.resize(all * input_count_);
  gradients_.resize(all * output_count_);
  const std::int64_t rows = workers_ * factors.input->shape()[0];
  all_inputs_ = backend_.make(TensorDescription::row_major({rows, factors.input->shape()[1]}));
  all_gradients_ = backend_.make(TensorDescription::row_major({rows, factors.output_gradient->shape()[1]}));
}

void FactorBroadcast::gradient_ready() {
  const std::optional<SufficientFactors> factors = layer_.sufficient_factors();
  if (own_.empty()) prepare(*factors);
  const std::span<float> own(own_);
  backend_.download(*factors->input, own.first(input_count_));
  backend_.download(*factors->output_gradient, own.subspan(input_count_));
}

void FactorBroadcast::start(bosen::Worker& worker) {
  clock_ = worker.clock();
  for (int to = 0; to < workers_; ++to) {
    if (to != worker.id()) channel_.send(worker, to, clock_, std::as_bytes(std::span(own_)));
  }
}

Outcome FactorBroadcast::finish(bosen::Worker& worker) {
  for (int from = 0; from < workers_; ++from) {
    float* const inputs = inputs_.data() + static_cast<std::size_t>(from) * input_count_;
    float* const gradients = gradients_.data() + static_cast<std::size_t>(from) * output_count_;
    const auto lay = [&](const std::byte* bytes) {
      std::memcpy(inputs, bytes, input_count_ * sizeof(float));
      std::memcpy(gradients, bytes + input_count_ * sizeof(float), output_count_ * sizeof(float));
    };
    if (from == worker.id()) {
      lay(std::as_bytes(std::span(own_)).data());
      continue;
    }
    const bosen::ChannelMessage message = channel_.receive(worker, clock_, from);
    if (message.bytes.size() != own_.size() * sizeof(float)) {
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         "layer '" + layer_.name() + "': worker " + std::to_string(from) + " sent factors of " +
                             std::to_string(message.bytes.size()) + " bytes, not " +
                             std::to_string(own_.size() * sizeof(float)) + ": give every worker the same batch");
    }
    lay(message.bytes.data());
  }
  backend_.upload(inputs_, all_inputs_);
  backend_.upload(gradients_, all_gradients_);
  std::vector<Parameter>& parameters = layer_.parameters();
  backend_.multiply_factors(all_inputs_, all_gradients_, parameters[0].gradient);
  if (parameters.size() > 1 && !parameters[1].gradient.empty()) {
    backend_.sum_rows(all_gradients_, parameters[1].gradient);
  }
  return Outcome::kGradients;
}

}  // namespace poseidon
