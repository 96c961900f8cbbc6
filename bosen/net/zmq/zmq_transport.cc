#include "bosen/net/zmq/zmq_transport.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "bosen/base/assert.h"
#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/wire/byte_order.h"

namespace bosen::net {
namespace {

// First bytes of routing ids: of connections that peers made (their rank and job), and of our own (rank and secret).
constexpr char kIncoming = 'R';
constexpr char kOutgoing = 'C';

// Frames fetched at a time: enough to take the mutex rarely, few enough that senders do not wait for it.
constexpr int kFetchFramesMax = 64;
// While frames wait for a peer to connect, the receiving thread looks so often whether it has.
constexpr std::chrono::milliseconds kConnectionCheck{10};

constexpr int kReconnectMs = 20;
constexpr int kReconnectMaxMs = 500;
constexpr int kConnectTimeoutMs = 2000;
constexpr int kKeepAliveIdleS = 5;
constexpr int kKeepAliveIntervalS = 2;
constexpr int kKeepAliveProbes = 3;

std::uint64_t random_number() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

bool is_ipv6(const std::string& host) { return host.find(':') != std::string::npos; }

/// An address with colons of its own needs brackets before a port.
std::string host_in_url(const std::string& host) {
  return is_ipv6(host) && !host.starts_with('[') ? "[" + host + "]" : host;
}

/// Whether to leave by IPv6: a name that has addresses of both kinds is reached by IPv4, as not every network that
/// names the others also routes them.
bool needs_ipv6(const std::string& address) {
  if (!address.starts_with("tcp://")) return false;
  const std::string host = address.substr(6, address.rfind(':') - 6);
  if (is_ipv6(host)) return true;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return true;
  ::freeaddrinfo(found);
  return false;
}

std::string last_error() { return zmq_strerror(zmq_errno()); }

}  // namespace

ZmqTransport::ZmqTransport(const ZmqOptions& options, BufferPool& pool) : options_(options), pool_(pool) {
  try {
    set_up();
    listen_tcp();
    if (options_.ipc) listen_ipc();
  } catch (...) {
    close();
    throw;
  }
}

ZmqTransport::~ZmqTransport() { close(); }

void ZmqTransport::close() {
  if (socket_ != nullptr) zmq_close(socket_);
  while (context_ != nullptr && zmq_ctx_term(context_) != 0 && zmq_errno() == EINTR) {
  }
  if (kick_fd_ >= 0) ::close(kick_fd_);
}

void ZmqTransport::set_option(int option, int value) {
  BOSEN_ASSERT(zmq_setsockopt(socket_, option, &value, sizeof value) == 0);
}

void ZmqTransport::set_up() {
  kick_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  context_ = zmq_ctx_new();
  if (context_ != nullptr) {
    zmq_ctx_set(context_, ZMQ_IO_THREADS, options_.io_threads);
    socket_ = zmq_socket(context_, ZMQ_ROUTER);
  }
  if (kick_fd_ < 0 || socket_ == nullptr) {
    throw Error(ErrorKind::kNetwork, fmt::format("rank {}: cannot make a socket ({}): raise the limit of open files "
                                                 "(ulimit -n)",
                                                 options_.rank, last_error()));
  }
  // Memory is bounded by the windows of the links above; a message refused here would only be sent again.
  set_option(ZMQ_SNDHWM, 0);
  set_option(ZMQ_RCVHWM, 0);
  const auto message_bytes_max = static_cast<std::int64_t>(limits::kFrameBodyBytesMax + wire::kHeaderBytes);
  BOSEN_ASSERT(zmq_setsockopt(socket_, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof message_bytes_max) == 0);
  // What is still under way when a process closes is of no use to anybody: a process that has left has waited for all
  // the others. It must be set before any connection breaks: frames for a peer that has died would keep closing for
  // ever.
  set_option(ZMQ_LINGER, 0);
  set_option(ZMQ_ROUTER_MANDATORY, 1);
  set_option(ZMQ_ROUTER_HANDOVER, 1);
  set_option(ZMQ_BACKLOG, limits::kProcessesMax);
  set_option(ZMQ_RECONNECT_IVL, kReconnectMs);
  set_option(ZMQ_RECONNECT_IVL_MAX, kReconnectMaxMs);
  set_option(ZMQ_CONNECT_TIMEOUT, kConnectTimeoutMs);
  set_option(ZMQ_TCP_KEEPALIVE, 1);
  set_option(ZMQ_TCP_KEEPALIVE_IDLE, kKeepAliveIdleS);
  set_option(ZMQ_TCP_KEEPALIVE_INTVL, kKeepAliveIntervalS);
  set_option(ZMQ_TCP_KEEPALIVE_CNT, kKeepAliveProbes);
  std::size_t size = sizeof socket_fd_;
  BOSEN_ASSERT(zmq_getsockopt(socket_, ZMQ_FD, &socket_fd_, &size) == 0);
}

// Returns the address with the port that the system has picked.
std::string ZmqTransport::listen(const std::string& address) {
  if (zmq_bind(socket_, address.c_str()) != 0) {
    const bool in_use = zmq_errno() == EADDRINUSE;
    throw Error(ErrorKind::kNetwork,
                fmt::format("rank {}: cannot listen at {} ({}): {}", options_.rank, address, last_error(),
                            in_use ? "choose another port, or 0 for any that is free"
                                   : "give an address or an interface of this host, or * for all"));
  }
  std::array<char, 512> endpoint{};
  std::size_t size = endpoint.size();
  BOSEN_ASSERT(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint.data(), &size) == 0);
  return endpoint.data();
}

void ZmqTransport::listen_tcp() {
  const std::string port = options_.port == 0 ? "*" : std::to_string(options_.port);
  // A socket for both kinds of addresses; libzmq makes one of IPv4 alone where the system has no other.
  set_option(ZMQ_IPV6, options_.bind_host == "*" || is_ipv6(options_.bind_host) ? 1 : 0);
  const std::string address = listen(fmt::format("tcp://{}:{}", host_in_url(options_.bind_host), port));
  const std::string actual_port = address.substr(address.rfind(':') + 1);
  const bool all = address.starts_with("tcp://0.0.0.0:") || address.starts_with("tcp://[::]:");
  if (all && options_.public_host.empty()) {
    throw Error(ErrorKind::kUsage, fmt::format("rank {}: listens at all interfaces: tell which name or address other "
                                               "hosts shall connect to",
                                               options_.rank));
  }
  addresses_.push_back(options_.public_host.empty()
                           ? address
                           : fmt::format("tcp://{}:{}", host_in_url(options_.public_host), actual_port));
}

// An abstract socket lives in the network namespace and leaves nothing behind, however the process ends. Other users
// are turned away.
void ZmqTransport::listen_ipc() {
  const uid_t user = ::geteuid();
  BOSEN_ASSERT(zmq_setsockopt(socket_, ZMQ_IPC_FILTER_UID, &user, sizeof user) == 0);
  const std::string address = fmt::format("ipc://@bosen-{:016x}{:016x}", random_number(), random_number());
  listen(address);
  addresses_.push_back(address);
}

void ZmqTransport::set_context(wire::DecodeContext context) {
  BOSEN_ASSERT(!ready_.load(std::memory_order_relaxed));
  BOSEN_ASSERT(context.rank_of_worker.size() == static_cast<std::size_t>(context.workers));
  BOSEN_ASSERT(context.rank_of_shard.size() == static_cast<std::size_t>(context.shards));
  expected_ = std::move(context);
  expected_.rank = options_.rank;
  const RoutingId own = routing_id(kIncoming, options_.rank, expected_.job);
  {
    const std::lock_guard lock(mutex_);
    BOSEN_ASSERT(zmq_setsockopt(socket_, ZMQ_ROUTING_ID, own.data(), own.size()) == 0);
  }
  ready_.store(true, std::memory_order_release);
  kick();  // a receiver that sleeps did not listen to the socket
}

void ZmqTransport::connect(Rank peer, const std::string& address) {
  BOSEN_ASSERT(ready_.load(std::memory_order_relaxed));
  BOSEN_ASSERT(peer >= 0 && peer < expected_.processes && peer != options_.rank);
  const bool ipv6 = needs_ipv6(address);
  const std::lock_guard lock(mutex_);
  BOSEN_ASSERT(!connected_.contains(peer));
  connect({.peer = peer, .address = address, .ipv6 = ipv6});
  tell_receiver();
}

void ZmqTransport::connect(Connection connection) {
  connection.secret = random_number();
  const RoutingId name = routing_id(kOutgoing, connection.peer, connection.secret);
  BOSEN_ASSERT(zmq_setsockopt(socket_, ZMQ_CONNECT_ROUTING_ID, name.data(), name.size()) == 0);
  set_option(ZMQ_IPV6, connection.ipv6 ? 1 : 0);
  if (zmq_connect(socket_, connection.address.c_str()) != 0) {
    throw Error(ErrorKind::kNetwork, fmt::format("rank {}: cannot connect to rank {} at {}: {}", options_.rank,
                                                 connection.peer, connection.address, last_error()));
  }
  connected_[connection.peer] = std::move(connection);
}

ZmqTransport::RoutingId ZmqTransport::routing_id(char kind, Rank peer, std::uint64_t token) const {
  RoutingId id;
  id[0] = static_cast<std::byte>(kind);
  wire::store_little_endian(id.data() + 1, static_cast<std::uint32_t>(peer));
  wire::store_little_endian(id.data() + 5, token);
  return id;
}

std::optional<Rank> ZmqTransport::identify(std::span<const std::byte> routing_id) const {
  if (routing_id.size() != std::tuple_size_v<RoutingId>) return {};
  const auto rank = wire::load_little_endian<std::uint32_t>(routing_id.data() + 1);
  const auto token = wire::load_little_endian<std::uint64_t>(routing_id.data() + 5);
  if (std::cmp_greater_equal(rank, expected_.processes)) return {};
  const auto peer = static_cast<Rank>(rank);
  // One way between two processes: a peer that this one has connected to has no reason to connect.
  const auto own = connected_.find(peer);
  const bool outgoing = own != connected_.end();
  if (static_cast<char>(routing_id[0]) != (outgoing ? kOutgoing : kIncoming)) return {};
  if (token != (outgoing ? own->second.secret : expected_.job)) return {};
  return peer;
}

void ZmqTransport::send(Rank peer, wire::Frame frame) {
  BOSEN_ASSERT(ready_.load(std::memory_order_relaxed));
  wire::EncodedFrame encoded = wire::encode(frame, lends_to(peer) ? wire::BlockChecksum::kNone : options_.checksum);
  traffic_.sent(frame.message, encoded.head.size() + (encoded.block ? encoded.block->size : 0));
  std::vector<BufferRef> given_back;  // dropped without the mutex
  const std::lock_guard lock(mutex_);
  if (shared_memory_) given_back = shared_memory_->take_back();
  if (waiting_.contains(peer) || !try_send(peer, encoded)) {
    keep_waiting(peer, std::move(encoded));
    send_waiting();
    if (!waiting_.empty()) kick();  // the receiving thread looks after them
  }
  tell_receiver();
}

// False: there is no connection (yet, or again).
bool ZmqTransport::try_send(Rank peer, const wire::EncodedFrame& encoded) {
  const auto own = connected_.find(peer);
  const bool outgoing = own != connected_.end();
  const RoutingId id =
      routing_id(outgoing ? kOutgoing : kIncoming, peer, outgoing ? own->second.secret : expected_.job);
  while (zmq_send(socket_, id.data(), id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() == EINTR) continue;
    // libzmq opens a broken connection again by itself, but gives up one of which it could not read on, such as where
    // there was no memory for a frame. The other process can't open it.
    if (outgoing) connect(own->second);
    return false;
  }
  // From here on libzmq takes everything: should the connection break, it throws the rest away.
  send_part(ZmqMessage::copy_of(encoded.head), encoded.block ? ZMQ_SNDMORE : 0);
  if (encoded.block) send_block(peer, encoded.block);
  if (outgoing) own->second.is_used = true;
  ++statistics_.frames_sent;
  statistics_.bytes_sent += encoded.head.size() + (encoded.block ? encoded.block->size : 0);
  return true;
}

void ZmqTransport::send_part(ZmqMessage part, int flags) {
  while (zmq_msg_send(part.get(), socket_, flags | ZMQ_DONTWAIT) < 0) BOSEN_ASSERT(zmq_errno() == EINTR);
}

void ZmqTransport::send_block(Rank peer, const BufferRef& block) {
  const std::optional<BlockReference> loan = shared_memory_ ? shared_memory_->lend(peer, block) : std::nullopt;
  if (!loan) {
    send_part(ZmqMessage::share(block), 0);
    return;
  }
  send_part(ZmqMessage(), ZMQ_SNDMORE);
  send_part(ZmqMessage::copy_of(std::as_bytes(std::span(&*loan, 1))), 0);
  statistics_.bytes_lent += block->size;
}

void ZmqTransport::keep_waiting(Rank peer, wire::EncodedFrame encoded) {
  std::deque<wire::EncodedFrame>& frames = waiting_[peer];
  if (frames.size() < limits::kSendWindowFrames) {
    frames.push_back(std::move(encoded));
    return;
  }
  ++statistics_.frames_dropped;
  statistics_.last_drop = fmt::format("to rank {}: too many frames wait for it to connect", peer);
}

void ZmqTransport::send_waiting() {
  for (auto peer = waiting_.begin(); peer != waiting_.end();) {
    std::deque<wire::EncodedFrame>& frames = peer->second;
    while (!frames.empty() && try_send(peer->first, frames.front())) frames.pop_front();
    peer = frames.empty() ? waiting_.erase(peer) : std::next(peer);
  }
}

bool ZmqTransport::has_arrivals() {
  int events = 0;
  std::size_t size = sizeof events;
  BOSEN_ASSERT(zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) == 0);
  return (events & ZMQ_POLLIN) != 0;
}

void ZmqTransport::tell_receiver() {
  if (!receiver_sleeps_ || !has_arrivals()) return;
  receiver_sleeps_ = false;
  kick();
}

void ZmqTransport::kick() const {
  const std::uint64_t one = 1;
  BOSEN_ASSERT(::write(kick_fd_, &one, sizeof one) == sizeof one || errno == EAGAIN);
}

void ZmqTransport::wake() {
  wake_requested_.store(true);
  kick();
}

std::optional<ReceivedFrame> ZmqTransport::receive(std::chrono::steady_clock::time_point deadline) {
  for (bool first = true;; first = false) {
    while (!arrivals_.empty()) {
      Arrival arrival = std::move(arrivals_.front());
      arrivals_.pop_front();
      if (std::optional<ReceivedFrame> frame = decode(std::move(arrival))) return frame;
    }
    if (ready_.load(std::memory_order_acquire)) fetch();
    const bool woken = wake_requested_.exchange(false);
    const bool late = std::chrono::steady_clock::now() >= deadline;
    if (!arrivals_.empty() && !woken && (first || !late)) continue;
    if (woken || late) return {};
    sleep_until(deadline);
  }
}

std::optional<ReceivedFrame> ZmqTransport::decode(Arrival arrival) {
  FrameParts& parts = arrival.parts;
  BufferRef block = std::move(parts.lent_block);
  if (parts.block) block = to_buffer(std::move(*parts.block), pool_);
  const std::size_t bytes = parts.head.bytes().size() + (block ? block->size : 0);
  wire::Decoded decoded = wire::decode(parts.head.bytes(), std::move(block), arrival.peer, expected_);
  if (decoded.frame) {
    traffic_.received(decoded.frame->message, bytes);
    return ReceivedFrame{arrival.peer, std::move(*decoded.frame)};
  }
  const std::lock_guard lock(mutex_);
  count_drop(fmt::format("from rank {}: {}", arrival.peer, decoded.problem));
  return {};
}

void ZmqTransport::count_drop(std::string reason) {
  ++statistics_.frames_dropped;
  statistics_.last_drop = std::move(reason);
}

// Afterwards there are arrivals, or the socket signals the next one.
void ZmqTransport::fetch() {
  std::vector<BufferRef> given_back;  // dropped without the mutex
  const std::lock_guard lock(mutex_);
  if (shared_memory_) given_back = shared_memory_->take_back();
  for (;;) {
    for (int i = 0; i < kFetchFramesMax && fetch_one(); ++i) {
    }
    if (!arrivals_.empty() || waiting_.empty()) break;
    send_waiting();
    if (!has_arrivals()) break;  // sending may have swallowed the signal
  }
  receiver_sleeps_ = arrivals_.empty();
  frames_wait_ = !waiting_.empty();
}

// Takes one message from the socket, if there is one; it becomes an arrival or is dropped.
bool ZmqTransport::fetch_one() {
  ZmqMessage routing_id;
  if (!receive_part(routing_id)) return false;
  std::vector<ZmqMessage> parts;
  for (bool more = routing_id.has_more(); more;) {
    ZmqMessage part;
    if (!receive_part(part)) break;
    more = part.has_more();
    statistics_.bytes_received += part.bytes().size();
    if (parts.size() <= FrameParts::kMost) parts.push_back(std::move(part));
  }
  ++statistics_.frames_received;
  const std::optional<Rank> peer = identify(routing_id.bytes());
  if (!peer) {
    count_drop("from a connection that is none of this job's");
    return true;
  }
  Arrival arrival;
  arrival.peer = *peer;
  if (const std::string problem = arrival.parts.take(parts, *peer, shared_memory_.get()); !problem.empty()) {
    count_drop(fmt::format("from rank {}: {}", *peer, problem));
    return true;
  }
  if (const BufferRef& lent = arrival.parts.lent_block)
    statistics_.bytes_received += lent->size - sizeof(BlockReference);
  if (const auto own = connected_.find(*peer); own != connected_.end()) own->second.is_answered = true;
  arrivals_.push_back(std::move(arrival));
  return true;
}

bool ZmqTransport::receive_part(ZmqMessage& part) {
  while (zmq_msg_recv(part.get(), socket_, ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() == EAGAIN) return false;
    BOSEN_ASSERT(zmq_errno() == EINTR);
  }
  return true;
}

// Until the deadline, an arrival or a kick; or less long.
void ZmqTransport::sleep_until(std::chrono::steady_clock::time_point deadline) {
  auto left = std::max(deadline - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration::zero());
  if (frames_wait_) left = std::min<std::chrono::steady_clock::duration>(left, kConnectionCheck);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec timeout{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
  std::array<pollfd, 2> sources{pollfd{kick_fd_, POLLIN, 0}, pollfd{socket_fd_, POLLIN, 0}};
  ::ppoll(sources.data(), ready_.load(std::memory_order_acquire) ? 2 : 1, &timeout, nullptr);
  if (sources[0].revents == 0) return;
  std::uint64_t kicks = 0;
  BOSEN_ASSERT(::read(kick_fd_, &kicks, sizeof kicks) == sizeof kicks || errno == EAGAIN);
}

TransportStatistics ZmqTransport::statistics() const {
  const std::lock_guard lock(mutex_);
  TransportStatistics statistics = statistics_;
  statistics.unreached = describe_unreached();
  return statistics;
}

std::string ZmqTransport::describe_unreached() const {
  std::vector<std::string> texts;
  for (const auto& [peer, connection] : connected_) {
    if (connection.is_used && !connection.is_answered)
      texts.push_back(fmt::format("no answer from rank {} at {}", peer, connection.address));
  }
  for (const auto& [peer, frames] : waiting_) {
    if (!connected_.contains(peer)) {
      texts.push_back(fmt::format("no connection from rank {} to {}", peer, fmt::join(addresses_, " or ")));
    }
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace bosen::net
