#pragma once

// The meta part of every message as a list of fields, written once for both directions: a MetaWriter appends them, a
// MetaReader fills them in. docs/design/wire.md shows the same lists as a grammar.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "bosen/base/limits.h"
#include "bosen/wire/byte_order.h"
#include "bosen/wire/frame_header.h"
#include "bosen/wire/messages.h"

namespace bosen::wire {

/// Longest text that explains a problem to other processes; longer ones are cut.
inline constexpr std::size_t kProblemBytesMax = 4096;
/// Longest meta part of any message: a full list of rows.
inline constexpr std::size_t kMetaBytesMax = 8 + limits::kRowsPerRequestMax * sizeof(RowId);

static_assert(kMetaBytesMax >= 2 * kProblemBytesMax);

/// The unsigned integer with the bits of a number or an enumeration.
template <class T>
using WireBits =
    std::conditional_t<sizeof(T) == 1, std::uint8_t, std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

/// Appends fields to a head.
class MetaWriter {
 public:
  explicit MetaWriter(std::vector<std::byte>& bytes) : bytes_(bytes) {}

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void field(const T& value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    store_little_endian(bytes_.data() + at, std::bit_cast<WireBits<T>>(value));
  }
  void field(const bool& value) { field(static_cast<std::uint8_t>(value ? 1 : 0)); }
  void padding(std::size_t count) { bytes_.resize(bytes_.size() + count); }
  void text(const std::string& value, std::size_t /*longest*/) {
    field(static_cast<std::uint32_t>(value.size()));
    const auto* data = reinterpret_cast<const std::byte*>(value.data());
    bytes_.insert(bytes_.end(), data, data + value.size());
  }
  void rows(const std::vector<RowId>& ids) {
    field(static_cast<std::uint32_t>(ids.size()));
    std::size_t at = bytes_.size();
    bytes_.resize(at + ids.size() * sizeof(RowId));
    for (const RowId id : ids) {
      store_little_endian(bytes_.data() + at, static_cast<std::uint64_t>(id));
      at += sizeof(RowId);
    }
  }

  std::uint32_t block_rows = 0;  ///< rows in the block that follows

 private:
  std::vector<std::byte>& bytes_;
};

/// Takes fields out of a meta part that nobody has checked. After the first that does not fit, `problem` says why and
/// all further ones are zero.
class MetaReader {
 public:
  explicit MetaReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void field(T& value) {
    if (!has(sizeof(T))) return;
    value = std::bit_cast<T>(load_little_endian<WireBits<T>>(rest_.data()));
    rest_ = rest_.subspan(sizeof(T));
  }
  void field(bool& value) {
    std::uint8_t byte = 0;
    field(byte);
    if (byte > 1) problem = "has a yes-or-no field that is neither";
    value = byte == 1;
  }
  void padding(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint8_t byte = 0;
      field(byte);
      if (byte != 0) problem = "has padding that is not zero";
    }
  }
  void text(std::string& value, std::size_t longest) {
    std::uint32_t size = 0;
    field(size);
    if (size > longest) problem = "has a text longer than " + std::to_string(longest) + " bytes";
    if (!has(size)) return;
    value.assign(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
  }
  void rows(std::vector<RowId>& ids) {
    std::uint32_t count = 0;
    field(count);
    if (count > limits::kRowsPerRequestMax) {
      problem = "names more than " + std::to_string(limits::kRowsPerRequestMax) + " rows";
    }
    if (!has(count * sizeof(RowId))) return;
    ids.resize(count);
    for (RowId& id : ids) {
      id = static_cast<RowId>(load_little_endian<std::uint64_t>(rest_.data()));
      rest_ = rest_.subspan(sizeof(RowId));
    }
  }
  /// To be called after the last field.
  void finish() {
    if (problem.empty() && !rest_.empty()) problem = "has bytes after its last field";
  }

  std::uint32_t block_rows = 0;
  std::string problem;

 private:
  bool has(std::size_t count) {
    if (problem.empty() && count > rest_.size()) problem = "ends before its last field";
    return problem.empty();
  }

  std::span<const std::byte> rest_;
};

/// A message's type, its meta fields in order, and the clock that travels in the header (none: zero).
template <class M>
struct Layout;

template <>
struct Layout<CreateTable> {
  static constexpr MessageType kType = MessageType::kCreateTable;
  static void fields(auto& io, auto& message) {
    io.field(message.table);
    io.field(message.spec.shape.kind);
    io.field(message.spec.shape.element);
    io.field(message.spec.consistency);
    io.padding(1);
    io.field(message.spec.shape.width);
    io.field(message.spec.staleness);
    io.field(message.spec.priority);
    io.padding(4);
    io.field(message.spec.updater.learning_rate);
    io.field(message.spec.updater.momentum);
    io.field(message.spec.updater.decay1);
    io.field(message.spec.updater.decay2);
    io.field(message.spec.updater.epsilon);
    io.text(message.spec.updater.name, limits::kNameBytesMax);
    io.text(message.spec.name, limits::kNameBytesMax);
  }
};

template <>
struct Layout<TableCreated> {
  static constexpr MessageType kType = MessageType::kTableCreated;
  static void fields(auto& io, auto& message) {
    io.field(message.table);
    io.text(message.problem, kProblemBytesMax);
  }
};

template <>
struct Layout<Update> {
  static constexpr MessageType kType = MessageType::kUpdate;
  static void fields(auto& io, auto& message) {
    io.field(message.table);
    io.field(message.worker);
    io.field(io.block_rows);
    io.field(message.closes);
    io.padding(3);
  }
  static auto& clock(auto& message) { return message.clock; }
  static auto& block(auto& message) { return message.block; }
};

template <>
struct Layout<ReadRequest> {
  static constexpr MessageType kType = MessageType::kReadRequest;
  static void fields(auto& io, auto& message) {
    io.field(message.table);
    io.rows(message.rows);
  }
  static auto& clock(auto& message) { return message.needed; }
};

template <>
struct Layout<Rows> {
  static constexpr MessageType kType = MessageType::kRows;
  static void fields(auto& io, auto& message) {
    io.field(message.table);
    io.field(io.block_rows);
    io.field(message.batches_applied);
    io.field(message.is_push);
    io.field(message.completes_push);
    io.padding(6);
  }
  static auto& clock(auto& message) { return message.clock; }
  static auto& block(auto& message) { return message.block; }
};

template <>
struct Layout<Unsubscribe> {
  static constexpr MessageType kType = MessageType::kUnsubscribe;
  static void fields(auto& io, auto& message) {
    io.field(message.table);
    io.rows(message.rows);
  }
};

template <>
struct Layout<BarrierArrive> {
  static constexpr MessageType kType = MessageType::kBarrierArrive;
  static void fields(auto& io, auto& message) { io.field(message.barrier); }
  static auto& clock(auto& message) { return message.checkpoint; }
};

template <>
struct Layout<BarrierRelease> {
  static constexpr MessageType kType = MessageType::kBarrierRelease;
  static void fields(auto& io, auto& message) { io.field(message.barrier); }
};

template <>
struct Layout<ChannelData> {
  static constexpr MessageType kType = MessageType::kChannelData;
  static void fields(auto& io, auto& message) {
    io.field(message.channel);
    io.field(message.from);
    io.field(message.to);
    io.padding(4);
    io.field(message.tag);
  }
  static auto& block(auto& message) { return message.bytes; }
};

template <>
struct Layout<ChannelCredit> {
  static constexpr MessageType kType = MessageType::kChannelCredit;
  static void fields(auto& io, auto& message) {
    io.field(message.channel);
    io.field(message.from);
    io.field(message.to);
    io.field(message.messages);
  }
};

template <>
struct Layout<CreateChannel> {
  static constexpr MessageType kType = MessageType::kCreateChannel;
  static void fields(auto& io, auto& message) {
    io.field(message.channel);
    io.field(message.capacity);
    io.text(message.name, limits::kNameBytesMax);
  }
};

template <>
struct Layout<ChannelCreated> {
  static constexpr MessageType kType = MessageType::kChannelCreated;
  static void fields(auto& io, auto& message) {
    io.field(message.channel);
    io.text(message.problem, kProblemBytesMax);
  }
};

template <class M>
concept HasClock = requires(M& message) {
  Layout<M>::clock(message);
};
template <class M>
concept HasBlock = requires(M& message) {
  Layout<M>::block(message);
};

}  // namespace bosen::wire
