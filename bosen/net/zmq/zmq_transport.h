#pragma once

// Frames over ZeroMQ: one ROUTER socket per process, which listens on tcp and ipc and connects to peers.
//
// Threads: any thread sends, directly on the socket, under the mutex. One thread receives; it sleeps without the mutex
// and takes it only to fetch what has arrived. libzmq signals arrivals once, to whoever touches the socket next: a
// sender that finds that something has arrived tells the receiver.
//
// A frame is two or three parts on the socket: the peer's routing id, the head, the block if there is one. A received
// block keeps the memory that libzmq read it into. Where the peer can read this process's memory, an empty part and a
// reference stand for the block. Frames for a peer that has not connected yet wait here, a bounded number.

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/net/shm/shared_memory.h"
#include "bosen/net/transport.h"
#include "bosen/net/zmq/frame_parts.h"
#include "bosen/net/zmq/zmq_message.h"

namespace bosen::net {

struct ZmqOptions {
  Rank rank = 0;
  /// Address or interface to listen at; "*": all.
  std::string bind_host = "127.0.0.1";
  /// What other hosts are told to connect to; empty: the address listened at.
  std::string public_host = {};
  /// Port to listen at; 0: the system picks one.
  int port = 0;
  /// Whether processes of the same host and user can use ipc.
  bool ipc = true;
  int io_threads = 1;
  wire::BlockChecksum checksum = wire::BlockChecksum::kNone;
};

class ZmqTransport final : public Transport {
 public:
  /// Listens. The pool must outlive the transport and all blocks it has received. Throws Error(kNetwork).
  ZmqTransport(const ZmqOptions& options, BufferPool& pool);
  ~ZmqTransport() override;
  ZmqTransport(const ZmqTransport&) = delete;
  ZmqTransport& operator=(const ZmqTransport&) = delete;

  /// Lends blocks to peers that can read this memory, and borrows theirs: once, before `set_context`.
  void set_shared_memory(std::unique_ptr<SharedMemory> memory) { shared_memory_ = std::move(memory); }

  /// Tells what frames must look like: once, before `connect` and `send`. Frames that arrive earlier wait.
  void set_context(wire::DecodeContext context);

  [[nodiscard]] std::vector<std::string> addresses() const override { return addresses_; }
  void connect(Rank peer, const std::string& address) override;
  void send(Rank peer, wire::Frame frame) override;
  std::optional<ReceivedFrame> receive(std::chrono::steady_clock::time_point deadline) override;
  void wake() override;
  [[nodiscard]] TransportStatistics statistics() const override;
  [[nodiscard]] const TrafficMeter& traffic() const override { return traffic_; }

 private:
  /// How the socket names a peer.
  using RoutingId = std::array<std::byte, 13>;
  /// One that this process makes.
  struct Connection {
    Rank peer = 0;
    std::string address;
    bool ipv6 = false;
    std::uint64_t secret = 0;  // in its routing id; nobody else can use it
    bool is_used = false;      // frames have left by it
    bool is_answered = false;  // frames have come by it
  };
  struct Arrival {
    Rank peer = 0;
    FrameParts parts;
  };

  void set_option(int option, int value);
  void set_up();
  void close();
  std::string listen(const std::string& address);
  void listen_tcp();
  void listen_ipc();

  [[nodiscard]] RoutingId routing_id(char kind, Rank peer, std::uint64_t token) const;
  [[nodiscard]] bool lends_to(Rank peer) const { return shared_memory_ && shared_memory_->reaches(peer); }
  void connect(Connection connection);
  bool try_send(Rank peer, const wire::EncodedFrame& encoded);
  void send_part(ZmqMessage part, int flags);
  void send_block(Rank peer, const BufferRef& block);
  void keep_waiting(Rank peer, wire::EncodedFrame encoded);
  void send_waiting();
  [[nodiscard]] bool has_arrivals();
  void tell_receiver();

  void fetch();
  bool fetch_one();
  bool receive_part(ZmqMessage& part);
  [[nodiscard]] std::optional<Rank> identify(std::span<const std::byte> routing_id) const;
  std::optional<ReceivedFrame> decode(Arrival arrival);
  void count_drop(std::string reason);
  [[nodiscard]] std::string describe_unreached() const;
  void sleep_until(std::chrono::steady_clock::time_point deadline);
  void kick() const;

  const ZmqOptions options_;
  BufferPool& pool_;
  void* context_ = nullptr;
  void* socket_ = nullptr;  // guarded by mutex_, but for its file descriptor
  int socket_fd_ = -1;
  int kick_fd_ = -1;
  std::vector<std::string> addresses_;

  // Written once by set_context; ready_ publishes it.
  wire::DecodeContext expected_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> wake_requested_{false};

  TrafficMeter traffic_;
  std::unique_ptr<SharedMemory>
      shared_memory_;  // none: all blocks are copied; guarded by mutex_ where it asks for that

  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::map<Rank, Connection> connected_;                    // to peers that this process has connected to
  std::map<Rank, std::deque<wire::EncodedFrame>> waiting_;  // frames for peers that have not connected yet
  bool receiver_sleeps_ = false;                            // or is about to
  TransportStatistics statistics_;

  // The receiving thread's.
  std::deque<Arrival> arrivals_;  // fetched, not decoded
  bool frames_wait_ = false;      // for a peer to connect
};

}  // namespace bosen::net
