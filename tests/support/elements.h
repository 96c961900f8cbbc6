#pragma once

// Elements of rows as integers, whatever their type.

#include <cstddef>
#include <cstdint>

#include "bosen/base/types.h"

namespace bosen::testing {

std::int64_t read_element(ElementType type, const std::byte* source);
void write_element(ElementType type, std::byte* target, std::int64_t value);

}  // namespace bosen::testing
