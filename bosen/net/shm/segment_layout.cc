#include "bosen/net/shm/segment_layout.h"

#include <fmt/format.h>

#include <charconv>

#include "bosen/base/error.h"

namespace bosen::net {

std::string SegmentAddress::text() const { return fmt::format("{}{}/{}/{:x}", kKind, pid, file, token); }

SegmentAddress SegmentAddress::parse(const std::string& text) {
  const std::string kind = kKind;
  SegmentAddress address;
  const char* at = text.data() + kind.size();
  const char* const end = text.data() + text.size();
  // The number up to the next slash, or up to the end.
  const auto read = [&](auto& number, int base) {
    const auto [stop, error] = std::from_chars(at, end, number, base);
    const bool read_it = error == std::errc{} && (stop == end || *stop == '/');
    at = stop == end ? end : stop + 1;
    return read_it;
  };
  if (text.starts_with(kind) && read(address.pid, 10) && read(address.file, 10) && read(address.token, 16) &&
      at == end && address.text() == text) {
    return address;
  }
  throw Error(ErrorKind::kNetwork, fmt::format("'{}' is no address of shared memory", text));
}

}  // namespace bosen::net
