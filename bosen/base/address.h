#pragma once

// "host:port" as text, with IPv6 addresses in brackets: "gnode2:5000", "10.0.0.1:80", "[::1]:5000".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bosen {

struct Address {
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
};

/// Nothing where `text` is not an address with a port from 1 to 65535.
std::optional<Address> parse_address(std::string_view text);
/// The same where to listen: port 0 stands for one that the system picks.
std::optional<Address> parse_listen_address(std::string_view text);

std::string to_string(const Address& address);

/// Whether `name` may be a host's name or address: letters, digits and "-._", or hexadecimal digits with ":" and "%"
/// for IPv6; never with a "-" in front, which a program could take for an option.
bool is_host_name(std::string_view name);

}  // namespace bosen
