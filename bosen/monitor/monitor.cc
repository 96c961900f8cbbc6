#include "bosen/monitor/monitor.h"

#include <algorithm>
#include <cctype>

#include "bosen/monitor/page.h"
#include "bosen/monitor/prometheus.h"

namespace bosen::monitor {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

HttpResponse readiness(JobPhase phase) {
  return {.code = phase == JobPhase::kRunning ? 200 : 503, .body = std::string(to_string(phase)) + "\n"};
}

HttpServer::Routes routes(const StatusBoard& board, const std::function<std::int64_t()>& now_ns) {
  return {
      {"/", [] { return HttpResponse{.type = "text/html; charset=utf-8", .body = std::string(live_page())}; }},
      {"/api/status",
       [&board, now_ns] { return HttpResponse{.type = "application/json", .body = to_json(board.status(now_ns()))}; }},
      {"/metrics",
       [&board, now_ns] {
         return HttpResponse{.type = kPrometheusType, .body = to_prometheus(board.status(now_ns()))};
       }},
      {"/healthz", [] { return HttpResponse{.body = "ok\n"}; }},
      {"/readyz", [&board] { return readiness(board.phase()); }},
  };
}

}  // namespace

std::optional<Address> parse_monitor_address(std::string_view text) {
  const bool is_port =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_port) return parse_listen_address(std::string(kLoopback) + ':' + std::string(text));
  if (auto address = parse_listen_address(text)) return address;
  if (text.find(':') == std::string_view::npos && is_host_name(text)) return Address{std::string(text), kDefaultPort};
  return std::nullopt;
}

Monitor::Monitor(const Address& address, const StatusBoard& board, const std::function<std::int64_t()>& now_ns)
    : server_(address, routes(board, now_ns)) {}

}  // namespace bosen::monitor
