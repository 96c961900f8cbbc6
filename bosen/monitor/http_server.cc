#include "bosen/monitor/http_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/util.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <thread>
#include <utility>

#include "bosen/base/error.h"
#include "bosen/monitor/event_handles.h"

namespace bosen::monitor {
namespace {

constexpr int kRequestTimeoutS = 10;
constexpr std::size_t kRequestBytesMax = 16'384;

std::uint16_t port_of(evutil_socket_t socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
  // The port stands at the same place in both kinds of addresses.
  const auto* address = reinterpret_cast<const sockaddr_in*>(&name);
  return ntohs(address->sin_port);
}

/// Whether only this host reaches the socket.
bool is_on_loopback(evutil_socket_t socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return false;
  if (name.ss_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&name)->sin6_addr);
  }
  return ntohl(reinterpret_cast<const sockaddr_in*>(&name)->sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

void answer(evhttp_request* request, const HttpResponse& response) {
  evkeyvalq* const headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", response.type.c_str());
  evhttp_add_header(headers, "Cache-Control", "no-store");
  evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
  if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD) {
    evbuffer_add(evhttp_request_get_output_buffer(request), response.body.data(), response.body.size());
  }
  evhttp_send_reply(request, response.code, nullptr, nullptr);
}

/// Whether libevent has done with a connection: it takes its callbacks away then.
bool is_closed(const SharedBuffer& connection) {
  bufferevent_data_cb read = nullptr;
  bufferevent_data_cb write = nullptr;
  bufferevent_event_cb event = nullptr;
  void* argument = nullptr;
  bufferevent_getcb(connection.get(), &read, &write, &event, &argument);
  return event == nullptr;
}

}  // namespace

bool is_for_this_host(std::string_view host, std::string_view bound) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name(bracketed ? host.substr(1, host.size() - 2) : host);
  in6_addr address{};
  if (::inet_pton(bracketed ? AF_INET6 : AF_INET, name.c_str(), &address) == 1) return true;
  return evutil_ascii_strcasecmp(name.c_str(), "localhost") == 0 ||
         evutil_ascii_strcasecmp(name.c_str(), std::string(bound).c_str()) == 0;
}

class HttpServer::Impl {
 public:
  Impl(const Address& address, Routes routes);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }

 private:
  static bufferevent* on_connection(event_base* base, void* self);
  static void on_request(evhttp_request* request, void* self);
  static void on_stop(evutil_socket_t socket, short what, void* base);

  Address address_;
  const Routes routes_;
  bool on_loopback_ = false;
  EventBase base_;
  const int stop_;  ///< an eventfd: written to end the thread
  EventHandle stop_event_;
  std::list<SharedBuffer> connections_;  ///< the oldest first; the thread's
  HttpHandle http_;
  std::jthread thread_;  ///< last, as it uses all of the above
};

HttpServer::Impl::Impl(const Address& address, Routes routes)
    : address_(address),
      routes_(std::move(routes)),
      base_(event_base_new()),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stop_event_(event_new(base_.get(), stop_, EV_READ, &on_stop, base_.get())),
      http_(evhttp_new(base_.get())) {
  event_add(stop_event_.get(), nullptr);
  evhttp_set_timeout(http_.get(), kRequestTimeoutS);
  evhttp_set_max_headers_size(http_.get(), kRequestBytesMax);
  evhttp_set_max_body_size(http_.get(), kRequestBytesMax);
  evhttp_set_allowed_methods(http_.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
  evhttp_set_bevcb(http_.get(), &on_connection, this);
  evhttp_set_gencb(http_.get(), &on_request, this);
  // libevent would say it on stderr, and not why.
  event_set_log_callback([](int /*severity*/, const char* /*message*/) {});
  addrinfo* found = nullptr;
  const int unknown = ::getaddrinfo(address.host.c_str(), nullptr, nullptr, &found);
  if (unknown == 0) ::freeaddrinfo(found);
  errno = 0;
  evhttp_bound_socket* const bound = evhttp_bind_socket_with_handle(http_.get(), address.host.c_str(), address.port);
  if (bound == nullptr) {
    const std::string reason =
        unknown == 0 ? std::strerror(errno) : fmt::format("the host is not known: {}", ::gai_strerror(unknown));
    ::close(stop_);
    throw Error(ErrorKind::kConfiguration, "cannot listen at " + to_string(address) + ": " + reason +
                                               "; name another address, or port 0 for any free one");
  }
  address_.port = port_of(evhttp_bound_socket_get_fd(bound));
  on_loopback_ = is_on_loopback(evhttp_bound_socket_get_fd(bound));
  thread_ = std::jthread([this] {
    // Signals are the app's business: its own threads take them.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), "bosen-monitor");
    event_base_dispatch(base_.get());
  });
}

HttpServer::Impl::~Impl() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(stop_, &one, sizeof one));
  thread_.join();
  ::close(stop_);
}

void HttpServer::Impl::on_stop(evutil_socket_t /*socket*/, short /*what*/, void* base) {
  event_base_loopbreak(static_cast<event_base*>(base));
}

bufferevent* HttpServer::Impl::on_connection(event_base* base, void* self) {
  std::list<SharedBuffer>& connections = static_cast<Impl*>(self)->connections_;
  connections.remove_if(is_closed);
  if (connections.size() >= kConnectionsMax) {
    bufferevent_trigger_event(connections.front().get(), BEV_EVENT_READING | BEV_EVENT_EOF, 0);
  }
  connections.emplace_back(bufferevent_socket_new(base, -1, 0));
  bufferevent_incref(connections.back().get());
  return connections.back().get();
}

void HttpServer::Impl::on_request(evhttp_request* request, void* self) {
  const Impl& server = *static_cast<Impl*>(self);
  const char* const host = evhttp_request_get_host(request);
  if (server.on_loopback_ && host != nullptr && !is_for_this_host(host, server.address_.host)) {
    const std::string known = to_string(server.address_);
    return answer(request, {.code = 403, .body = "this is not '" + std::string(host) + "': ask for " + known + "\n"});
  }
  const Routes& routes = server.routes_;
  const char* const path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
  const auto route = routes.find(path == nullptr || *path == '\0' ? "/" : path);
  if (route != routes.end()) return answer(request, route->second());
  std::string known;
  for (const auto& [name, handler] : routes) known += known.empty() ? name : ", " + name;
  answer(request, {.code = 404, .body = "there is nothing here; known are " + known + "\n"});
}

HttpServer::HttpServer(const Address& address, Routes routes)
    : impl_(std::make_unique<Impl>(address, std::move(routes))) {}

HttpServer::~HttpServer() = default;

const Address& HttpServer::address() const { return impl_->address(); }

}  // namespace bosen::monitor
