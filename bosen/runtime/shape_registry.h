#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "bosen/base/limits.h"
#include "bosen/wire/messages.h"

namespace bosen::runtime {

/// Shapes of the tables that this process has made or heard of, against which frames are checked. Any thread.
class ShapeRegistry {
 public:
  /// The first shape of a table counts; shards refuse others.
  void add(TableId table, const wire::RowShape& shape) {
    if (table >= static_cast<TableId>(limits::kTablesMax)) return;
    const std::lock_guard lock(mutex_);
    if (table >= shapes_.size()) shapes_.resize(table + 1);
    if (!shapes_[table]) shapes_[table] = shape;
  }

  [[nodiscard]] std::optional<wire::RowShape> find(TableId table) const {
    const std::lock_guard lock(mutex_);
    return table < shapes_.size() ? shapes_[table] : std::nullopt;
  }

 private:
  mutable std::mutex mutex_;  // a leaf
  std::vector<std::optional<wire::RowShape>> shapes_;
};

}  // namespace bosen::runtime
