#pragma once

// One process of the sample job as far as its transport is concerned, for tests with several of them in one program.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bosen/net/zmq/zmq_transport.h"
#include "tests/support/wire_samples.h"

namespace bosen::test {

/// Longer than anything takes that a test waits for; reached only when the test fails.
inline constexpr std::chrono::seconds kPatience{20};

inline std::chrono::steady_clock::time_point in(std::chrono::steady_clock::duration time) {
  return std::chrono::steady_clock::now() + time;
}

/// Whether the condition holds within `kPatience`.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = in(kPatience);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// The address of that kind ("tcp" or "ipc") that the transport listens at.
inline std::string address_of_kind(const net::Transport& transport, const std::string& kind) {
  for (const std::string& address : transport.addresses()) {
    if (address.starts_with(kind)) return address;
  }
  return {};
}

/// Whether this machine can listen at ::1.
inline bool has_ipv6() {
  const int descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool bound = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(descriptor);
  return bound;
}

/// Memories of so many processes, each open to all others.
inline std::vector<std::unique_ptr<net::SharedMemory>> open_memories(int processes) {
  std::vector<std::unique_ptr<net::SharedMemory>> memories;
  for (Rank rank = 0; rank < processes; ++rank)
    memories.push_back(std::make_unique<net::SharedMemory>(rank, processes));
  for (Rank rank = 0; rank < processes; ++rank) {
    for (Rank peer = 0; peer < processes; ++peer) {
      if (peer == rank) continue;
      memories[static_cast<std::size_t>(rank)]->open(peer, memories[static_cast<std::size_t>(peer)]->address());
    }
  }
  return memories;
}

struct NetProcess {
  NetProcess(Rank own_rank, int processes) : NetProcess({.rank = own_rank}, processes) {}
  NetProcess(const net::ZmqOptions& options, int processes, std::unique_ptr<net::SharedMemory> memory = nullptr)
      : rank(options.rank), transport(options, pool) {
    if (memory) {
      pool.use(memory->block_memory());
      transport.set_shared_memory(std::move(memory));
    }
    transport.set_context(sample_context(processes));
  }

  [[nodiscard]] std::string address(const std::string& kind) const { return address_of_kind(transport, kind); }

  /// From this process's client to the first shard, which lives on rank 0.
  void send_barrier(Rank to, std::uint64_t number) {
    transport.send(to, sample_frame(wire::NodeId::client(rank), wire::NodeId::shard(0), wire::BarrierArrive{number}));
  }
  /// From the first shard, on rank 0.
  void send_release(Rank to, std::uint64_t number) {
    transport.send(to, sample_frame(wire::NodeId::shard(0), wire::NodeId::client(to), wire::BarrierRelease{number}));
  }
  /// From the first worker of this process to that of another.
  void send_channel(Rank to, int channel, std::int64_t tag) {
    wire::ChannelData data;
    data.channel = static_cast<std::uint32_t>(channel);
    data.from = 2 * rank;
    data.to = 2 * to;
    data.tag = tag;
    transport.send(to, sample_frame(wire::NodeId::client(rank), wire::NodeId::client(to), data));
  }

  const Rank rank;
  BufferPool pool;
  net::ZmqTransport transport;
  std::vector<std::int64_t> seen;
};

inline std::optional<net::ReceivedFrame> receive_soon(NetProcess& process) {
  return process.transport.receive(in(kPatience));
}

/// Of a frame that carries a barrier's number.
inline std::uint64_t barrier_number(const net::ReceivedFrame& received) {
  if (const auto* arrive = std::get_if<wire::BarrierArrive>(&*received.frame.message)) return arrive->barrier;
  return std::get<wire::BarrierRelease>(*received.frame.message).barrier;
}

/// Of a frame of a channel.
inline std::int64_t tag_of(const net::ReceivedFrame& received) {
  return std::get<wire::ChannelData>(*received.frame.message).tag;
}

}  // namespace bosen::test
