#pragma once

#include <string>

#include "bosen/wire/messages.h"

namespace bosen::testing {

/// "process 0" or "shard 1".
std::string describe(wire::NodeId node);

/// What a message says, in a line for people. `shape` is that of the tables.
std::string describe(const wire::Message& message, const wire::RowShape& shape);

/// A row's elements: "[0 3]" of a dense row, "{4:1 9:2}" of a sparse one.
std::string describe_row(const wire::RowShape& shape, const std::byte* row);

}  // namespace bosen::testing
