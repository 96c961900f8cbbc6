#pragma once

// Whether a message that came from outside makes sense in this job. Sizes and checksums were checked before.

#include <string>

#include "bosen/wire/codec.h"
#include "bosen/wire/frame_header.h"

namespace bosen::wire {

/// No worker gets there: clocks beyond it would overflow in arithmetic.
inline constexpr Clock kClockMax = Clock{1} << 62;

/// No text that travels has such characters.
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// Why no such message may go from `source` (a party of process `peer`) to `target`, or nothing.
std::string check_route(MessageType type, NodeId source, NodeId target, Rank peer, const DecodeContext& context);

/// Why the message's values cannot be meant, or nothing. Its route was checked. Blocks know their rows.
std::string check_message(const Message& message, NodeId source, NodeId target, const DecodeContext& context);

/// Why no table (channel) may be made so, or nothing: "has an empty name". Whoever makes one asks before it tells
/// others, who would not hear of it otherwise.
std::string check_table(const TableSpec& spec);
std::string check_channel(const std::string& name, std::int32_t capacity);

/// "Update" and so on; "message type 77" where there is none.
std::string name_of(MessageType type);

}  // namespace bosen::wire
