#pragma once

// What a checkpoint's file consists of: records, each a header of 32 bytes and a body (docs/design/checkpoints.md).

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "bosen/base/durable_file.h"

namespace bosen::store {

enum class RecordType : std::uint32_t { kHead = 1, kRows = 2, kHistories = 3, kKept = 4, kEnd = 5 };

inline constexpr std::size_t kRecordHeaderBytes = 32;

/// What a record says of its body.
struct RecordHeader {
  RecordType type = RecordType::kEnd;
  std::uint64_t length = 0;  ///< of the body, in bytes
  std::uint32_t table = 0;
  std::uint32_t owner = 0;     ///< shard, or worker
  std::uint32_t count = 0;     ///< rows, histories, bytes of a name; of an end, how many records came before
  std::uint32_t checksum = 0;  ///< CRC-32C of the header before it and of the body

  [[nodiscard]] std::array<std::byte, kRecordHeaderBytes> bytes() const;
  /// Whether the bytes begin like a record; fills the header then.
  bool parse(std::span<const std::byte, kRecordHeaderBytes> bytes);
  /// The checksum that a header with this body should have.
  [[nodiscard]] std::uint32_t checksum_with(std::initializer_list<std::span<const std::byte>> body) const;
};

/// Writes records one after the other, and an end. Throws Error(kStorage).
class RecordWriter {
 public:
  explicit RecordWriter(const std::string& path) : file_(path) {}

  /// Length and checksum are filled in.
  void write(RecordHeader header, std::initializer_list<std::span<const std::byte>> body);
  /// Ends the file and gives it its name. Returns its size in bytes.
  std::uint64_t commit();

 private:
  DurableFile file_;
  std::uint32_t records_ = 0;
};

}  // namespace bosen::store
