// What ZeroMQ itself moves between two processes of this machine. wire_bench puts our transport beside it.

#include <algorithm>
#include <cstdio>

#include "tests/bench/raw_zmq.h"

namespace {

using namespace bosen::bench;

constexpr std::size_t kTotalBytes = std::size_t{1} << 30;

void print_throughput(const char* kind) {
  for (const std::size_t kib : {4U, 64U, 1024U, 4096U}) {
    const std::size_t bytes = kib * 1024;
    const std::size_t count = std::min<std::size_t>(kTotalBytes / bytes, 50'000);
    const double copying = raw_one_way(kind, bytes, count, Copies::kBothSides);
    const double in_place = raw_one_way(kind, bytes, count, Copies::kNone);
    std::printf("%-4s one way %5zu KiB   copied in and out %5.2f GB/s   without copies %5.2f GB/s\n", kind, kib,
                copying / 1e9, in_place / 1e9);
  }
}

}  // namespace

int main() {
  for (const char* kind : {"tcp", "ipc"}) {
    print_throughput(kind);
    std::printf("%-4s round trip 8 bytes %6.1f us\n", kind, raw_round_trip(kind, 10'000) * 1e6);
  }
}
