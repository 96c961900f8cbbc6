#include "poseidon/solver/worker_sums.h"

#include <cstring>
#include <utility>

#include "bosen/error.h"

namespace poseidon {

void WorkerSums::contribute(std::int64_t topic, std::span<const double> values) {
  const std::int64_t tag = contributions_++;
  if (worker_.id() == 0) {
    pending_.push_back({.sum = {topic, {values.begin(), values.end()}}, .tag = tag});
  } else {
    channel_.send(worker_, 0, tag, std::as_bytes(values));
  }
}

std::optional<WorkerSums::Sum> WorkerSums::next(bool wait) {
  if (pending_.empty()) return std::nullopt;
  Pending& pending = pending_.front();
  for (; pending.parts < worker_.count(); ++pending.parts) {
    std::optional<bosen::ChannelMessage> message;
    if (wait) {
      message = channel_.receive(worker_, pending.tag, pending.parts);
    } else {
      message = channel_.try_receive(worker_, pending.tag, pending.parts);
    }
    if (!message) return std::nullopt;
    std::vector<double>& values = pending.sum.values;
    if (message->bytes.size() > values.size() * sizeof(double)) {
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         "workers report different measures: start every process with the same solver and net");
    }
    std::vector<double> part(message->bytes.size() / sizeof(double));
    if (!part.empty()) std::memcpy(part.data(), message->bytes.data(), message->bytes.size());
    for (std::size_t i = 0; i < part.size(); ++i) values[i] += part[i];
  }
  Sum sum = std::move(pending.sum);
  pending_.pop_front();
  return sum;
}

}  // namespace poseidon
