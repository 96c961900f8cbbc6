#include "bosen/launch/address.h"

#include <algorithm>
#include <cctype>

#include "bosen/launch/limits.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
}

bool is_ipv6_byte(char c) { return is_name_byte(c) || c == ':' || c == '%'; }

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxHostBytes || name.front() == '-') return false;
  const bool ipv6 = name.find(':') != std::string_view::npos;
  return std::all_of(name.begin(), name.end(), ipv6 ? is_ipv6_byte : is_name_byte);
}

std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0) return std::nullopt;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos) || !is_host_name(host)) return std::nullopt;
  return Address{std::string(host), *port};
}

std::string to_string(const Address& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

}  // namespace bosen::launch
