#pragma once

#include <span>
#include <string>
#include <vector>

#include "bosen/wire/frame.h"
#include "bosen/wire/row_block.h"

namespace bosen::test {

/// A decoded frame as text for people, one fact a line: the header, the message's fields, each row of its block.
std::string describe(const wire::Frame& frame);

/// Bytes as hex digits, sixteen bytes a line, every line starting with `label` and the offset of its first byte.
std::string hex_dump(const std::string& label, std::span<const std::byte> bytes);

/// The bytes of a hex dump: all its lines that start with `label`, in order.
std::vector<std::byte> parse_hex(const std::string& label, const std::string& text);

}  // namespace bosen::test
