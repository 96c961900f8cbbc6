#include "bosen/base/address.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>

#include "bosen/base/limits.h"

namespace bosen {
namespace {

bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
}

bool is_ipv6_byte(char c) { return is_name_byte(c) || c == ':' || c == '%'; }

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > limits::kHostBytesMax || name.front() == '-') return false;
  const bool ipv6 = name.find(':') != std::string_view::npos;
  return std::all_of(name.begin(), name.end(), ipv6 ? is_ipv6_byte : is_name_byte);
}

std::optional<Address> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  Address address;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (digits.empty() || error != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos) || !is_host_name(host)) return std::nullopt;
  address.host = host;
  return address;
}

std::optional<Address> parse_address(std::string_view text) {
  const std::optional<Address> address = parse_listen_address(text);
  return address && address->port > 0 ? address : std::nullopt;
}

std::string to_string(const Address& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? '[' + address.host + ']' : address.host) + ':' + std::to_string(address.port);
}

}  // namespace bosen
