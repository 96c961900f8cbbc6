#include "bosen/monitor/http_client.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netdb.h>

#include <optional>

#include "bosen/base/error.h"
#include "bosen/monitor/event_handles.h"

namespace bosen::monitor {
namespace {

constexpr ev_ssize_t kAnswerBytesMax = ev_ssize_t{64} << 20;

/// `request` is null where the connection could not be made.
void take_answer(evhttp_request* request, void* into) {
  if (request == nullptr || evhttp_request_get_response_code(request) == 0) return;
  evbuffer* const buffer = evhttp_request_get_input_buffer(request);
  const char* const type = evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
  HttpResponse response{
      .code = evhttp_request_get_response_code(request), .type = type == nullptr ? "" : type, .body = {}};
  response.body.resize(evbuffer_get_length(buffer));
  evbuffer_copyout(buffer, response.body.data(), response.body.size());
  *static_cast<std::optional<HttpResponse>*>(into) = std::move(response);
}

/// libevent does not tell it apart from a host where nobody listens.
void refuse_unknown(const std::string& host) {
  addrinfo* found = nullptr;
  const int unknown = ::getaddrinfo(host.c_str(), nullptr, nullptr, &found);
  if (unknown == 0) return ::freeaddrinfo(found);
  throw Error(ErrorKind::kUsage, "the host '" + host + "' is not known: " + ::gai_strerror(unknown) +
                                     "; write its address, or add it to DNS or /etc/hosts");
}

}  // namespace

HttpResponse http_get(const Address& address, const std::string& path, int timeout_s) {
  const EventBase base(event_base_new());
  const HttpConnection connection(evhttp_connection_base_new(base.get(), nullptr, address.host.c_str(), address.port));
  evhttp_connection_set_timeout(connection.get(), timeout_s);
  evhttp_connection_set_max_body_size(connection.get(), kAnswerBytesMax);
  std::optional<HttpResponse> response;
  evhttp_request* const request = evhttp_request_new(&take_answer, &response);
  evkeyvalq* const headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Host", to_string(address).c_str());
  evhttp_add_header(headers, "Connection", "close");
  // Owns the request from here on, also where it fails.
  if (evhttp_make_request(connection.get(), request, EVHTTP_REQ_GET, path.c_str()) == 0)
    event_base_dispatch(base.get());
  if (!response) {
    refuse_unknown(address.host);
    throw Error(ErrorKind::kNetwork, "no answer from http://" + to_string(address) + path);
  }
  return *response;
}

}  // namespace bosen::monitor
