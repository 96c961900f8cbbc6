#pragma once

// Where a process begins that goes on from a checkpoint: the clock, its shards' rows and its workers' memory.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/core/membership.h"
#include "bosen/store/checkpoint_folder.h"
#include "bosen/wire/shard_snapshot.h"

namespace bosen::runtime {

struct StartingPoint {
  Clock clock = 0;                                ///< of all workers; 0: the job begins
  std::map<ShardId, wire::ShardSnapshot> shards;  ///< this process's
  int workers = 0;                                ///< of the job that made the checkpoint
  std::vector<store::KeptMemory> kept;            ///< of workers with the numbers of this process's
};

/// As processes tell each other what they have, and back; nothing where a text is none.
std::string to_text(const store::CheckpointId& id);
std::optional<store::CheckpointId> checkpoint_id_of(const std::string& text);

/// The newest of the checkpoints that every process has, if there is one. `usable` are each process's, by rank.
std::optional<store::CheckpointId> newest_common(const std::vector<std::vector<store::CheckpointId>>& usable);
/// Throws Error(kData) that says what who has, where there is none.
[[noreturn]] void refuse_without_common(const std::vector<std::vector<store::CheckpointId>>& usable);

/// Reads what a process needs of a checkpoint: its own file, or, where other processes, workers or shards made it, of
/// all files what is its own now. Throws Error(kData), also where it is another program's.
StartingPoint load_starting_point(const store::CheckpointFolder& folder, const store::CheckpointId& id,
                                  const core::Membership& members, const std::string& program, BufferPool& pool);

}  // namespace bosen::runtime
