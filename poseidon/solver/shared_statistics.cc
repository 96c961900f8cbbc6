#include "poseidon/solver/shared_statistics.h"

#include <cstring>

#include "bosen/error.h"

namespace poseidon {

SharedStatistics::SharedStatistics(bosen::Channel channel, bosen::Worker& worker, Backend& backend,
                                   std::span<const std::unique_ptr<Layer>> layers)
    : channel_(channel), worker_(worker), backend_(backend) {
  std::size_t count = 0;
  for (const std::unique_ptr<Layer>& layer : layers) {
    for (Parameter& parameter : layer->parameters()) {
      if (parameter.learned) continue;
      statistics_.push_back(&parameter.value);
      count += static_cast<std::size_t>(parameter.value.count());
    }
  }
  elements_.resize(count);
}

void SharedStatistics::take_over() {
  if (elements_.empty() || worker_.count() == 1) return;
  const std::int64_t tag = times_++;
  const bool first = worker_.id() == 0;
  if (!first) {
    const bosen::ChannelMessage message = channel_.receive(worker_, tag, 0);
    if (message.bytes.size() != elements_.size() * sizeof(float)) {
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         "worker 0 has other layers than this one: start every process with the same solver and net");
    }
    std::memcpy(elements_.data(), message.bytes.data(), message.bytes.size());
  }
  std::span<float> rest(elements_);
  for (Tensor* const statistic : statistics_) {
    const std::span<float> part = rest.first(static_cast<std::size_t>(statistic->count()));
    if (first) {
      backend_.download(*statistic, part);
    } else {
      backend_.upload(part, *statistic);
    }
    rest = rest.subspan(part.size());
  }
  if (!first) return;
  for (int to = 1; to < worker_.count(); ++to) channel_.send(worker_, to, tag, std::as_bytes(std::span(elements_)));
}

}  // namespace poseidon
