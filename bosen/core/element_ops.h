#pragma once

// The few loops over elements that the core needs, by element type, so that nothing else of it is a template.

#include <cstddef>

#include "bosen/base/types.h"

namespace bosen::core {

/// Integers wrap around.
struct ElementOps {
  std::size_t bytes;
  /// target[i] += update[i]
  void (*add)(std::byte* target, const std::byte* update, std::size_t count);
  /// target[i] = a[i] + b[i]; target is neither of them.
  void (*sum)(std::byte* target, const std::byte* a, const std::byte* b, std::size_t count);
  /// target[columns[i]] += update[i]
  void (*add_at)(std::byte* target, const Column* columns, const std::byte* update, std::size_t count);
};

const ElementOps& element_ops(ElementType type);

}  // namespace bosen::core
