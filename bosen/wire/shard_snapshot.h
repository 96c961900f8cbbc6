#pragma once

// A shard's tables as they were at one moment, as plain values: what a checkpoint holds of it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bosen/base/types.h"
#include "bosen/wire/messages.h"

namespace bosen::wire {

/// What an updater knows of one row beside its values.
struct RowHistory {
  RowId row = 0;
  std::int64_t steps = 0;
  Clock last_timestamp = kNoClock;
};

/// One table's rows on one shard.
struct TableSnapshot {
  TableSpec spec;
  std::vector<BufferRef> blocks;         ///< shared with whoever made it; no row twice
  std::vector<RowHistory> histories;     ///< of tables with an updater other than add
  std::vector<std::byte> updater_state;  ///< of each history, one after the other, equally long
};

struct ShardSnapshot {
  Clock clock = 0;  ///< of all workers on all tables
  std::vector<TableSnapshot> tables;
};

}  // namespace bosen::wire
