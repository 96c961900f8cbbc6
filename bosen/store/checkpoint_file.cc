#include "bosen/store/checkpoint_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/store/checkpoint_head.h"
#include "bosen/store/record.h"
#include "bosen/wire/byte_order.h"

namespace bosen::store {
namespace {

constexpr std::uint64_t kHeadBytesMax = std::uint64_t{16} << 20;
constexpr std::size_t kHistoryBytes = 24;

std::uint32_t as_u32(std::size_t value) { return static_cast<std::uint32_t>(value); }

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::vector<std::byte> encode(const std::vector<wire::RowHistory>& histories) {
  std::vector<std::byte> bytes(histories.size() * kHistoryBytes);
  std::byte* at = bytes.data();
  for (const wire::RowHistory& history : histories) {
    wire::store_little_endian(at, static_cast<std::uint64_t>(history.row));
    wire::store_little_endian(at + 8, static_cast<std::uint64_t>(history.steps));
    wire::store_little_endian(at + 16, static_cast<std::uint64_t>(history.last_timestamp));
    at += kHistoryBytes;
  }
  return bytes;
}

std::vector<wire::RowHistory> decode(std::span<const std::byte> bytes) {
  std::vector<wire::RowHistory> histories(bytes.size() / kHistoryBytes);
  const auto number = [&](std::size_t at) {
    return static_cast<std::int64_t>(wire::load_little_endian<std::uint64_t>(bytes.data() + at));
  };
  for (std::size_t i = 0; i < histories.size(); ++i) {
    const std::size_t at = i * kHistoryBytes;
    histories[i] = {.row = number(at), .steps = number(at + 8), .last_timestamp = number(at + 16)};
  }
  return histories;
}

}  // namespace

std::uint64_t write_checkpoint(const std::string& path, const CheckpointPart& part) {
  RecordWriter writer(path);
  writer.write({.type = RecordType::kHead}, {bytes_of(encode(part.head))});
  for (const auto& [shard, snapshot] : part.shards) {
    for (std::size_t table = 0; table < snapshot.tables.size(); ++table) {
      const wire::TableSnapshot& saved = snapshot.tables[table];
      RecordHeader header{.type = RecordType::kRows, .table = as_u32(table), .owner = as_u32(std::size_t(shard))};
      for (const BufferRef& block : saved.blocks) {
        header.count = block->rows;
        writer.write(header, {{block->data, block->size}});
      }
      if (saved.histories.empty()) continue;
      header.type = RecordType::kHistories;
      header.count = as_u32(saved.histories.size());
      writer.write(header, {encode(saved.histories), saved.updater_state});
    }
  }
  for (const KeptMemory& kept : part.kept) {
    writer.write(
        {.type = RecordType::kKept, .owner = as_u32(std::size_t(kept.worker)), .count = as_u32(kept.name.size())},
        {bytes_of(kept.name), kept.bytes});
  }
  return writer.commit();
}

CheckpointReader::CheckpointReader(std::string path, BufferPool& pool) : path_(std::move(path)), pool_(pool) {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) refuse(std::strerror(errno));
  try {
    struct stat status {};
    if (::fstat(file_, &status) != 0) refuse(std::strerror(errno));
    rest_ = static_cast<std::uint64_t>(status.st_size);
    head_ = read_head();
  } catch (const Error&) {
    ::close(file_);
    throw;
  }
}

CheckpointReader::~CheckpointReader() { ::close(file_); }

void CheckpointReader::refuse(const std::string& why) const {
  throw Error(ErrorKind::kData, fmt::format("checkpoint {}: {}", path_, why));
}

void CheckpointReader::read_bytes(std::byte* bytes, std::size_t count) {
  if (count > rest_) refuse("is cut off");
  rest_ -= count;
  while (count > 0) {
    const ssize_t got = ::read(file_, bytes, count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(std::strerror(errno));
    if (got == 0) refuse("is cut off");
    bytes += got;
    count -= static_cast<std::size_t>(got);
  }
}

RecordHeader CheckpointReader::read_header() {
  std::array<std::byte, kRecordHeaderBytes> bytes{};
  read_bytes(bytes.data(), bytes.size());
  RecordHeader header;
  if (!header.parse(bytes)) {
    refuse(records_ == 0 ? std::string("is no file of a checkpoint")
                         : fmt::format("is damaged at record {}", records_));
  }
  ++records_;
  if (header.length > rest_) refuse("is cut off");
  return header;
}

void CheckpointReader::check(const RecordHeader& header, std::span<const std::byte> body) const {
  if (header.checksum_with({body}) != header.checksum) {
    refuse(fmt::format("is damaged: record {} is not what was written", records_));
  }
}

CheckpointHead CheckpointReader::read_head() {
  const RecordHeader header = read_header();
  if (header.type != RecordType::kHead || header.length > kHeadBytesMax) refuse("is no file of a checkpoint");
  std::string text(static_cast<std::size_t>(header.length), '\0');
  read_bytes(reinterpret_cast<std::byte*>(text.data()), text.size());
  check(header, bytes_of(text));
  std::optional<CheckpointHead> head = decode_head(text);
  if (!head) refuse("was written by another version of bosen");
  return *std::move(head);
}

CheckpointReader::Record CheckpointReader::next() {
  const RecordHeader header = read_header();
  const bool of_table = header.type == RecordType::kRows || header.type == RecordType::kHistories;
  if (of_table && (header.table >= head_.tables.size() || header.owner >= head_.rank_of_shard.size())) {
    check(header, {});
    refuse("speaks of a table or shard that there is not");
  }
  switch (header.type) {
    case RecordType::kRows:
      return read_rows(header);
    case RecordType::kHistories:
      return read_histories(header);
    case RecordType::kKept:
      return read_kept(header);
    case RecordType::kEnd:
      check(header, {});
      if (header.length != 0 || rest_ != 0 || header.count != as_u32(records_ - 1)) refuse("is damaged at its end");
      return End{};
    case RecordType::kHead:
      break;
  }
  refuse(fmt::format("is damaged: record {} is of no known type", records_));
}

CheckpointReader::Record CheckpointReader::read_rows(const RecordHeader& header) {
  if (header.length > limits::kFrameBodyBytesMax) refuse("has a block that is too large");
  Rows rows{.table = header.table, .shard = static_cast<ShardId>(header.owner), .block = pool_.take(header.length)};
  Buffer& block = *rows.block;
  block.size = static_cast<std::size_t>(header.length);
  block.rows = header.count;
  read_bytes(block.data, block.size);
  check(header, {block.data, block.size});
  if (!wire::RowBlockView::check(head_.tables[rows.table].shape, {block.data, block.size}, block.rows)) {
    refuse(fmt::format("has a block that is none of table '{}'", head_.tables[rows.table].name));
  }
  return rows;
}

CheckpointReader::Record CheckpointReader::read_histories(const RecordHeader& header) {
  std::vector<std::byte> body(static_cast<std::size_t>(header.length));
  read_bytes(body.data(), body.size());
  check(header, body);
  const std::size_t fixed = std::size_t{header.count} * kHistoryBytes;
  if (header.count == 0 || body.size() < fixed || (body.size() - fixed) % header.count != 0) {
    refuse("has an updater's memory of another size than its rows");
  }
  Histories histories;
  histories.table = header.table;
  histories.shard = static_cast<ShardId>(header.owner);
  histories.histories = decode(std::span(body).first(fixed));
  histories.updater_state.assign(body.begin() + static_cast<std::ptrdiff_t>(fixed), body.end());
  return histories;
}

CheckpointReader::Record CheckpointReader::read_kept(const RecordHeader& header) {
  KeptMemory kept;
  kept.worker = static_cast<WorkerId>(header.owner);
  std::vector<std::byte> body(static_cast<std::size_t>(header.length));
  read_bytes(body.data(), body.size());
  check(header, body);
  if (header.count > body.size()) refuse("names a worker's memory by more bytes than there are");
  kept.name.assign(reinterpret_cast<const char*>(body.data()), header.count);
  kept.bytes.assign(body.begin() + static_cast<std::ptrdiff_t>(header.count), body.end());
  return kept;
}

}  // namespace bosen::store
