// Frames through our transport between two processes of this machine, each figure beside raw ZeroMQ in the same run:
// what checking, framing and threads cost. "both ways" is push plus pull: every block is answered by one.

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "bosen/base/buffer.h"
#include "bosen/net/zmq/zmq_transport.h"
#include "bosen/wire/codec.h"
#include "bosen/wire/frame.h"
#include "tests/bench/raw_zmq.h"

namespace {

using namespace bosen;
using namespace bosen::bench;
using wire::NodeId;

constexpr std::int64_t kWidth = 1000;
constexpr std::size_t kWindow = 16;

/// Process 0 hosts the shard, process 1 the client.
wire::DecodeContext job() {
  wire::DecodeContext context;
  context.job = 1;
  context.processes = 2;
  context.shards = 1;
  context.workers = 2;
  context.rank_of_shard = {0};
  context.rank_of_worker = {0, 1};
  context.shape_of = [](TableId) { return wire::RowShape{RowKind::kDense, ElementType::kFloat, kWidth}; };
  return context;
}

/// A block of at most `bytes`, or none.
BufferRef make_block(BufferPool& pool, std::size_t bytes) {
  const wire::RowShape shape{RowKind::kDense, ElementType::kFloat, kWidth};
  wire::BlockBuilder builder(pool, shape, bytes);
  std::vector<BufferRef> blocks;
  while (blocks.size() != 1) {
    const std::size_t rows = bytes / (shape.row_bytes() + sizeof(RowId));
    for (std::size_t row = 0; row < rows; ++row) {
      std::memset(builder.append_dense(static_cast<RowId>(row)), 0, shape.row_bytes());
    }
    blocks = builder.take();
  }
  return blocks.front();
}

class Process {
 public:
  explicit Process(Rank rank, wire::BlockChecksum checksum) : transport_({.rank = rank, .checksum = checksum}, pool_) {
    transport_.set_context(job());
  }

  std::string address(const std::string& kind) {
    for (const std::string& address : transport_.addresses()) {
      if (address.starts_with(kind)) return address;
    }
    fail("address");
  }
  void connect(const std::string& address) { transport_.connect(0, address); }
  BufferPool& pool() { return pool_; }

  void push(BufferRef block) {
    wire::Update update;
    update.worker = 1;
    update.closes = true;
    update.block = std::move(block);
    send(0, NodeId::client(1), NodeId::shard(0), std::move(update));
  }
  void answer(BufferRef block) {
    wire::Rows rows;
    rows.is_push = rows.completes_push = true;
    rows.block = std::move(block);
    send(1, NodeId::shard(0), NodeId::client(1), std::move(rows));
  }
  wire::Frame receive() {
    std::optional<net::ReceivedFrame> received =
        transport_.receive(std::chrono::steady_clock::now() + std::chrono::seconds(30));
    if (!received) {
      std::fprintf(stderr, "no frame within 30 s: %s\n", transport_.statistics().last_drop.c_str());
      std::exit(EXIT_FAILURE);
    }
    return std::move(received->frame);
  }

 private:
  void send(Rank peer, NodeId source, NodeId target, wire::Message message) {
    wire::Frame frame;
    frame.header = {
        .job = 1, .epoch = 0, .source = source, .target = target, .sequence = ++sequence_, .acknowledged = 0};
    frame.message = std::move(message);
    transport_.send(peer, std::move(frame));
  }

  BufferPool pool_;
  net::ZmqTransport transport_;
  std::uint64_t sequence_ = 0;
};

/// Bytes of blocks a second. With `answers` every block comes back and counts twice.
double transport_rate(const std::string& kind, std::size_t bytes, std::size_t count, bool answers,
                      wire::BlockChecksum checksum) {
  const auto shard = [&](const LinePipe& pipe) {
    Process process(0, checksum);
    pipe.write(process.address(kind));
    for (std::size_t i = 0; i < count; ++i) {
      wire::Frame frame = process.receive();
      if (answers) process.answer(std::move(std::get<wire::Update>(*frame.message).block));
    }
    process.answer({});
    process.receive();
  };
  return with_forked_peer(shard, [&](const LinePipe& pipe) {
    Process process(1, checksum);
    process.connect(pipe.read());
    const BufferRef block = bytes == 0 ? BufferRef() : make_block(process.pool(), bytes);
    const std::size_t window = bytes == 0 ? 1 : kWindow;
    const double seconds = seconds_of([&] {
      for (std::size_t i = 0; i < count + window; ++i) {
        if (i < count) process.push(block);
        if (answers && i >= window) process.receive();
      }
      process.receive();
    });
    process.push({});
    const auto block_bytes = static_cast<double>(block ? block->size : 1);
    return block_bytes * static_cast<double>(count) * (answers ? 2 : 1) / seconds;
  });
}

void compare(const char* kind, const char* what, double ours, double floor, double in_place) {
  std::printf("%-4s %-18s bosen %5.2f GB/s   raw ZeroMQ %5.2f GB/s, without copies %5.2f GB/s   ratio %.2f\n", kind,
              what, ours / 1e9, floor / 1e9, in_place / 1e9, ours / floor);
}

void compare_throughput(const char* kind, std::size_t kib) {
  const std::size_t bytes = kib * 1024;
  const std::size_t count = std::min<std::size_t>((std::size_t{1} << 30) / bytes, 20'000);
  const std::string size = std::to_string(kib) + " KiB";
  compare(kind, ("one way " + size).c_str(), transport_rate(kind, bytes, count, false, wire::BlockChecksum::kNone),
          raw_one_way(kind, bytes, count, Copies::kBothSides), raw_one_way(kind, bytes, count, Copies::kNone));
  compare(kind, ("both ways " + size).c_str(), transport_rate(kind, bytes, count, true, wire::BlockChecksum::kNone),
          raw_both_ways(kind, bytes, count, kWindow, Copies::kBothSides),
          raw_both_ways(kind, bytes, count, kWindow, Copies::kNone));
  std::printf("%-4s %-18s bosen %5.2f GB/s with checksums of blocks\n", kind, ("both ways " + size).c_str(),
              transport_rate(kind, bytes, count, true, wire::BlockChecksum::kCrc32c) / 1e9);
}

void compare_round_trip(const char* kind) {
  constexpr std::size_t kCount = 10'000;
  const double floor = raw_round_trip(kind, kCount);
  const double ours = 2 / transport_rate(kind, 0, kCount, true, wire::BlockChecksum::kNone);
  std::printf("%-4s %-18s bosen %6.1f us     raw ZeroMQ %6.1f us with 8 bytes   ratio %.2f\n", kind, "round trip",
              ours * 1e6, floor * 1e6, ours / floor);
}

}  // namespace

int main() {
  for (const char* kind : {"tcp", "ipc"}) {
    for (const std::size_t kib : {64U, 1024U, 4096U}) compare_throughput(kind, kib);
    compare_round_trip(kind);
  }
}
