#pragma once

// What --monitor starts on rank 0: the job over HTTP.
//
//   /             a live page
//   /api/status   JSON
//   /metrics      for Prometheus
//   /healthz      200 while the process lives
//   /readyz       200 while the job runs, else 503

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bosen/monitor/http_server.h"
#include "bosen/monitor/status_board.h"

namespace bosen::monitor {

/// The port of `bosen top` and its like where none is named.
inline constexpr std::uint16_t kDefaultPort = 8780;

/// "PORT", "HOST" or "HOST:PORT"; this host alone where none is named. Nothing where `text` is none of them.
std::optional<Address> parse_monitor_address(std::string_view text);

class Monitor {
 public:
  /// `now_ns` is the board's clock; both outlive the monitor. Throws Error(kConfiguration).
  Monitor(const Address& address, const StatusBoard& board, const std::function<std::int64_t()>& now_ns);

  /// Where people look: "http://127.0.0.1:8780/".
  [[nodiscard]] std::string url() const { return "http://" + to_string(address()) + "/"; }
  [[nodiscard]] const Address& address() const { return server_.address(); }

 private:
  HttpServer server_;
};

}  // namespace bosen::monitor
