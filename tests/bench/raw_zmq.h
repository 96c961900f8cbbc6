#pragma once

// The floor of every transport over ZeroMQ: two DEALER sockets and nothing else, in two processes.

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/bench/forked_peer.h"

namespace bosen::bench {

/// How raw messages meet the program's memory.
enum class Copies {
  kBothSides,  ///< copied into each message and out of it
  kNone,       ///< sent from the program's memory, read where they are
};

/// A fresh address of that kind ("tcp" or "ipc") to bind to.
inline std::string any_address(const std::string& kind) {
  return kind == "tcp" ? "tcp://127.0.0.1:*" : "ipc://@bosen-bench-" + std::to_string(::getpid());
}

class RawSocket {
 public:
  /// For messages of `bytes`: few enough queue up that memory is used again.
  explicit RawSocket(std::size_t bytes) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, ZMQ_DEALER)) {
    const int limit = static_cast<int>(std::clamp<std::size_t>((std::size_t{16} << 20) / bytes, 16, 1000));
    zmq_setsockopt(socket_, ZMQ_SNDHWM, &limit, sizeof limit);
    zmq_setsockopt(socket_, ZMQ_RCVHWM, &limit, sizeof limit);
  }
  ~RawSocket() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  std::string bind(const std::string& kind) {
    if (zmq_bind(socket_, any_address(kind).c_str()) != 0) fail("bind");
    std::array<char, 256> endpoint{};
    std::size_t size = endpoint.size();
    zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint.data(), &size);
    return endpoint.data();
  }
  void connect(const std::string& address) {
    if (zmq_connect(socket_, address.c_str()) != 0) fail("connect");
  }

  void send(const std::vector<char>& bytes, Copies copies) {
    zmq_msg_t message;
    if (copies == Copies::kBothSides) {
      zmq_msg_init_size(&message, bytes.size());
      std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
    } else {
      const auto keep = [](void*, void*) {};
      zmq_msg_init_data(&message, const_cast<char*>(bytes.data()), bytes.size(), keep, nullptr);
    }
    if (zmq_msg_send(&message, socket_, 0) < 0) fail("send");
  }
  void receive(std::vector<char>& bytes, Copies copies) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, socket_, 0) < 0) fail("receive");
    if (copies == Copies::kBothSides) std::memcpy(bytes.data(), zmq_msg_data(&message), bytes.size());
    zmq_msg_close(&message);
  }

 private:
  void* context_;
  void* socket_;
};

/// Bytes a second that arrive when `count` messages of `bytes` go one way.
inline double raw_one_way(const std::string& kind, std::size_t bytes, std::size_t count, Copies copies) {
  const auto peer = [&](const LinePipe& pipe) {
    RawSocket socket(bytes);
    pipe.write(socket.bind(kind));
    std::vector<char> message(bytes);
    for (std::size_t i = 0; i < count; ++i) socket.receive(message, copies);
    socket.send(std::vector<char>(8), Copies::kBothSides);
  };
  return with_forked_peer(peer, [&](const LinePipe& pipe) {
    RawSocket socket(bytes);
    socket.connect(pipe.read());
    const std::vector<char> message(bytes, 1);
    std::vector<char> answer(8);
    const double seconds = seconds_of([&] {
      for (std::size_t i = 0; i < count; ++i) socket.send(message, copies);
      socket.receive(answer, Copies::kBothSides);
    });
    return static_cast<double>(bytes * count) / seconds;
  });
}

/// Bytes a second in both directions together when every message is answered by one, `window` of them under way.
inline double raw_both_ways(const std::string& kind, std::size_t bytes, std::size_t count, std::size_t window,
                            Copies copies) {
  const auto peer = [&](const LinePipe& pipe) {
    RawSocket socket(bytes);
    pipe.write(socket.bind(kind));
    std::vector<char> message(bytes);
    for (std::size_t i = 0; i < count; ++i) {
      socket.receive(message, copies);
      socket.send(message, copies);
    }
    std::vector<char> farewell(8);
    socket.receive(farewell, Copies::kBothSides);
  };
  return with_forked_peer(peer, [&](const LinePipe& pipe) {
    RawSocket socket(bytes);
    socket.connect(pipe.read());
    const std::vector<char> message(bytes, 1);
    std::vector<char> answer(bytes);
    const double seconds = seconds_of([&] {
      for (std::size_t i = 0; i < count + window; ++i) {
        if (i < count) socket.send(message, copies);
        if (i >= window) socket.receive(answer, copies);
      }
    });
    socket.send(std::vector<char>(8), Copies::kBothSides);
    return 2 * static_cast<double>(bytes * count) / seconds;
  });
}

/// Seconds of one round trip of 8 bytes.
inline double raw_round_trip(const std::string& kind, std::size_t count) {
  const double bytes_per_s = raw_both_ways(kind, 8, count, 1, Copies::kBothSides);
  return 16 / bytes_per_s;
}

}  // namespace bosen::bench
