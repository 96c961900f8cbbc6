#pragma once

// A small HTTP server for people and monitoring tools: GET on a few fixed paths. libevent does the work, in one thread
// of the server's own; handlers run in it.
//
// Where it listens on this host alone, it answers only requests for an address, for localhost or for the name that it
// was given: else a web page could have its own name lead here, and read the answers in the browser of somebody who
// may (DNS rebinding).
//
// Connections take file descriptors that the app may need, so there are kConnectionsMax of them at most: beyond, the
// oldest gives way to a new one.

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "bosen/base/address.h"

namespace bosen::monitor {

inline constexpr std::size_t kConnectionsMax = 64;

struct HttpResponse {
  int code = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

/// Whether a request's Host, without a port, is an address, localhost or `bound`.
bool is_for_this_host(std::string_view host, std::string_view bound);

class HttpServer {
 public:
  /// By path, such as "/healthz". A handler throws nothing.
  using Routes = std::map<std::string, std::function<HttpResponse()>>;

  /// Listens at once; port 0 stands for one that the system picks. Throws Error(kConfiguration) where that fails.
  HttpServer(const Address& address, Routes routes);
  /// Ends the thread; requests under way are dropped.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Where it listens, with the port that it got.
  [[nodiscard]] const Address& address() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bosen::monitor
