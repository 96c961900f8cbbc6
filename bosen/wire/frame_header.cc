#include "bosen/wire/frame_header.h"

#include <fmt/format.h>

#include "bosen/wire/byte_order.h"
#include "bosen/wire/checksum.h"

namespace bosen::wire {
namespace {

constexpr std::size_t kCheckedBytes = offsetof(WireHeader, header_crc32c);

}  // namespace

void store_header(std::span<std::byte, kHeaderBytes> bytes, const WireHeader& header) {
  std::byte* const at = bytes.data();
  store_little_endian(at + offsetof(WireHeader, magic), header.magic);
  store_little_endian(at + offsetof(WireHeader, version), header.version);
  store_little_endian(at + offsetof(WireHeader, type), header.type);
  store_little_endian(at + offsetof(WireHeader, flags), header.flags);
  store_little_endian(at + offsetof(WireHeader, job), header.job);
  store_little_endian(at + offsetof(WireHeader, epoch), header.epoch);
  store_little_endian(at + offsetof(WireHeader, source), header.source);
  store_little_endian(at + offsetof(WireHeader, target), header.target);
  store_little_endian(at + offsetof(WireHeader, body_length), header.body_length);
  store_little_endian(at + offsetof(WireHeader, sequence), header.sequence);
  store_little_endian(at + offsetof(WireHeader, acknowledged), header.acknowledged);
  store_little_endian(at + offsetof(WireHeader, clock), static_cast<std::uint64_t>(header.clock));
  store_little_endian(at + offsetof(WireHeader, body_crc32c), header.body_crc32c);
  store_little_endian(at + kCheckedBytes, crc32c(bytes.first<kCheckedBytes>()));
}

WireHeader load_header(std::span<const std::byte, kHeaderBytes> bytes) {
  const std::byte* const at = bytes.data();
  WireHeader header;
  header.magic = load_little_endian<std::uint32_t>(at + offsetof(WireHeader, magic));
  header.version = load_little_endian<std::uint16_t>(at + offsetof(WireHeader, version));
  header.type = load_little_endian<std::uint8_t>(at + offsetof(WireHeader, type));
  header.flags = load_little_endian<std::uint8_t>(at + offsetof(WireHeader, flags));
  header.job = load_little_endian<std::uint64_t>(at + offsetof(WireHeader, job));
  header.epoch = load_little_endian<std::uint32_t>(at + offsetof(WireHeader, epoch));
  header.source = load_little_endian<std::uint32_t>(at + offsetof(WireHeader, source));
  header.target = load_little_endian<std::uint32_t>(at + offsetof(WireHeader, target));
  header.body_length = load_little_endian<std::uint32_t>(at + offsetof(WireHeader, body_length));
  header.sequence = load_little_endian<std::uint64_t>(at + offsetof(WireHeader, sequence));
  header.acknowledged = load_little_endian<std::uint64_t>(at + offsetof(WireHeader, acknowledged));
  header.clock = static_cast<std::int64_t>(load_little_endian<std::uint64_t>(at + offsetof(WireHeader, clock)));
  header.body_crc32c = load_little_endian<std::uint32_t>(at + offsetof(WireHeader, body_crc32c));
  header.header_crc32c = load_little_endian<std::uint32_t>(at + kCheckedBytes);
  return header;
}

std::string check_header(std::span<const std::byte, kHeaderBytes> bytes) {
  const WireHeader header = load_header(bytes);
  if (header.magic != kMagic) return fmt::format("starts with {:#010x} instead of {:#010x}", header.magic, kMagic);
  if (header.version != kWireVersion) {
    return fmt::format("has wire version {}, this build speaks {}: run the same build in every process", header.version,
                       kWireVersion);
  }
  const std::uint32_t actual = crc32c(bytes.first<kCheckedBytes>());
  if (header.header_crc32c != actual) {
    return fmt::format("header checksum is {:#010x}, its bytes give {:#010x}", header.header_crc32c, actual);
  }
  return {};
}

}  // namespace bosen::wire
