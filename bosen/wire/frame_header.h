#pragma once

// The first 64 bytes of every frame. docs/design/wire.md is the norm; this is its only implementation.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bosen/wire/codec.h"

namespace bosen::wire {

/// "BOSN" as the bytes stand on the wire.
inline constexpr std::uint32_t kMagic = 0x4E53'4F42;
/// Grows with every change that an older build would misread. Processes of one job have the same.
inline constexpr std::uint16_t kWireVersion = 5;

/// Which message a frame carries. Numbers are never reused.
enum class MessageType : std::uint8_t {
  kAcknowledgement = 1,
  kCreateTable = 2,
  kTableCreated = 3,
  kUpdate = 4,
  kReadRequest = 5,
  kRows = 6,
  kUnsubscribe = 7,
  kBarrierArrive = 8,
  kBarrierRelease = 9,
  kChannelData = 10,
  kChannelCredit = 11,
  kCreateChannel = 12,
  kChannelCreated = 13,
};

inline constexpr std::uint8_t kFlagBlock = 1;         ///< a block follows the meta part
inline constexpr std::uint8_t kFlagBlockChecked = 2;  ///< and the body checksum covers it
inline constexpr std::uint8_t kFlagAsks = 4;          ///< the sender asks for an acknowledgement at once
inline constexpr std::uint8_t kFlagRepeated = 8;      ///< sent before, and asks; or answers such a frame

/// The header field by field, at the offsets it has on the wire.
struct WireHeader {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kWireVersion;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint64_t job = 0;
  std::uint32_t epoch = 0;
  std::uint32_t source = 0;
  std::uint32_t target = 0;
  std::uint32_t body_length = 0;  ///< meta and block
  std::uint64_t sequence = 0;
  std::uint64_t acknowledged = 0;
  std::int64_t clock = 0;  ///< of the message, where it has one
  std::uint32_t body_crc32c = 0;
  std::uint32_t header_crc32c = 0;  ///< of the 60 bytes before it

  bool operator==(const WireHeader&) const = default;
};

static_assert(sizeof(WireHeader) == kHeaderBytes);
static_assert(offsetof(WireHeader, magic) == 0);
static_assert(offsetof(WireHeader, version) == 4);
static_assert(offsetof(WireHeader, type) == 6);
static_assert(offsetof(WireHeader, flags) == 7);
static_assert(offsetof(WireHeader, job) == 8);
static_assert(offsetof(WireHeader, epoch) == 16);
static_assert(offsetof(WireHeader, source) == 20);
static_assert(offsetof(WireHeader, target) == 24);
static_assert(offsetof(WireHeader, body_length) == 28);
static_assert(offsetof(WireHeader, sequence) == 32);
static_assert(offsetof(WireHeader, acknowledged) == 40);
static_assert(offsetof(WireHeader, clock) == 48);
static_assert(offsetof(WireHeader, body_crc32c) == 56);
static_assert(offsetof(WireHeader, header_crc32c) == 60);

/// Writes the header, its checksum computed.
void store_header(std::span<std::byte, kHeaderBytes> bytes, const WireHeader& header);

/// Reads all fields as they are, trusting none.
WireHeader load_header(std::span<const std::byte, kHeaderBytes> bytes);

/// Why these bytes are no header of this version, or nothing: magic, version, checksum.
std::string check_header(std::span<const std::byte, kHeaderBytes> bytes);

}  // namespace bosen::wire
