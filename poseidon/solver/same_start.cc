#include "poseidon/solver/same_start.h"

#include <fmt/format.h>

#include <cstddef>
#include <sstream>
#include <utility>

#include "bosen/error.h"

namespace poseidon {
namespace {

constexpr std::int64_t kTag = 0;

}  // namespace

void expect_same_start(const bosen::Channel& channel, bosen::Worker& worker, std::span<const StartValue> start) {
  std::string own;
  for (const StartValue& value : start) own += value.value + "\n";
  if (worker.id() == 0) {
    for (int to = 1; to < worker.count(); ++to) channel.send(worker, to, kTag, std::as_bytes(std::span(own)));
    return;
  }
  const bosen::ChannelMessage message = channel.receive(worker, kTag, 0);
  std::istringstream others({reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()});
  for (const StartValue& value : start) {
    std::string other;
    std::getline(others, other);
    if (other == value.value) continue;
    throw bosen::Error(bosen::ErrorKind::kConfiguration,
                       fmt::format("{} is {} at worker {} and {} at worker 0: start every process with the same files "
                                   "and flags",
                                   value.what, value.value, worker.id(), other));
  }
}

}  // namespace poseidon
