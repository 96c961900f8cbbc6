// Every worker sends every worker letters of all lengths from nothing on, and checks what it gets. Run alone, or by
// `bosen run` with any number of processes.

#include <fmt/format.h>

#include <vector>

#include "bosen/bosen.h"

namespace {

constexpr std::size_t kLengths[] = {0, 1, 7, 0, 4096, 100'000, 0};

std::vector<std::byte> letter(bosen::WorkerId from, bosen::WorkerId to, std::size_t length) {
  std::vector<std::byte> bytes(length);
  for (std::size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<std::byte>(i + 31 * static_cast<std::size_t>(from + to));
  return bytes;
}

void exchange(const bosen::Channel& channel, bosen::Worker& worker) {
  for (bosen::WorkerId other = 0; other < worker.count(); ++other) {
    for (const std::size_t length : kLengths) channel.send(worker, other, 0, letter(worker.id(), other, length));
  }
  for (bosen::WorkerId other = 0; other < worker.count(); ++other) {
    for (const std::size_t length : kLengths) {
      if (channel.receive(worker, 0, other).bytes == letter(other, worker.id(), length)) continue;
      throw bosen::Error(
          bosen::ErrorKind::kData,
          fmt::format("worker {}: a letter of {} bytes from {} is not what was sent", worker.id(), length, other));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bosen::App("letters", "Checks what travels on channels").run(argc, argv, [](bosen::Cluster& cluster) {
    const auto channel = cluster.create_channel("letters");
    cluster.run_workers([&](bosen::Worker& worker) { exchange(channel, worker); });
    if (cluster.rank() == 0) fmt::print("every letter of {} workers arrived\n", cluster.workers());
  });
}
