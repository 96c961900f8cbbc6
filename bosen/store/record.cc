#include "bosen/store/record.h"

#include "bosen/wire/byte_order.h"
#include "bosen/wire/checksum.h"

namespace bosen::store {
namespace {

/// "BCKP" as the bytes stand in the file.
constexpr std::uint32_t kMagic = 0x504B'4342;

}  // namespace

std::array<std::byte, kRecordHeaderBytes> RecordHeader::bytes() const {
  std::array<std::byte, kRecordHeaderBytes> bytes{};
  wire::store_little_endian(bytes.data(), kMagic);
  wire::store_little_endian(bytes.data() + 4, static_cast<std::uint32_t>(type));
  wire::store_little_endian(bytes.data() + 8, length);
  wire::store_little_endian(bytes.data() + 16, table);
  wire::store_little_endian(bytes.data() + 20, owner);
  wire::store_little_endian(bytes.data() + 24, count);
  wire::store_little_endian(bytes.data() + 28, checksum);
  return bytes;
}

bool RecordHeader::parse(std::span<const std::byte, kRecordHeaderBytes> bytes) {
  const auto u32 = [&](std::size_t at) { return wire::load_little_endian<std::uint32_t>(bytes.data() + at); };
  type = RecordType{u32(4)};
  length = wire::load_little_endian<std::uint64_t>(bytes.data() + 8);
  table = u32(16);
  owner = u32(20);
  count = u32(24);
  checksum = u32(28);
  return u32(0) == kMagic;
}

std::uint32_t RecordHeader::checksum_with(std::initializer_list<std::span<const std::byte>> body) const {
  const auto own = bytes();
  std::uint32_t sum = wire::crc32c(std::span(own).first<kRecordHeaderBytes - sizeof checksum>());
  for (const auto part : body) sum = wire::crc32c(part, sum);
  return sum;
}

void RecordWriter::write(RecordHeader header, std::initializer_list<std::span<const std::byte>> body) {
  header.length = 0;
  for (const auto part : body) header.length += part.size();
  header.checksum = header.checksum_with(body);
  file_.write(header.bytes());
  for (const auto part : body) file_.write(part);
  ++records_;
}

std::uint64_t RecordWriter::commit() {
  write({.type = RecordType::kEnd, .count = records_}, {});
  file_.commit();
  return file_.size();
}

}  // namespace bosen::store
