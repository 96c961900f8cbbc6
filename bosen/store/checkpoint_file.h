#pragma once

// One process's file of a checkpoint: its shards' rows and what its workers keep beside them. A sequence of records,
// each with a checksum; docs/design/checkpoints.md has the layout. What is read is trusted no more than what comes from
// a network.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/base/types.h"
#include "bosen/store/record.h"
#include "bosen/wire/shard_snapshot.h"

namespace bosen::store {

/// Which checkpoint: of runs that went on from the same clock, only one has this number.
struct CheckpointId {
  Clock clock = 0;
  std::uint64_t job = 0;
  friend bool operator==(const CheckpointId&, const CheckpointId&) = default;
};

/// What stands first in every file.
struct CheckpointHead {
  CheckpointId id;
  std::string program;
  Rank rank = 0;                        ///< whose file it is
  int processes = 1;                    ///< that have one, dedicated servers included
  std::vector<int> workers;             ///< of each process that has workers
  std::vector<Rank> rank_of_shard;      ///< of all shards
  std::vector<wire::TableSpec> tables;  ///< name, shape and the updater's name; the rest is not kept
};

/// Memory that a worker keeps.
struct KeptMemory {
  WorkerId worker = 0;
  std::string name;
  std::vector<std::byte> bytes;
};

/// All that a process saves.
struct CheckpointPart {
  CheckpointHead head;
  std::map<ShardId, wire::ShardSnapshot> shards;  ///< with the head's tables, in their order
  std::vector<KeptMemory> kept;
};

/// Writes the file under another name, waits until the disk has it, and then gives it `path` as its name: it is there
/// whole or not at all. Returns its size in bytes. Throws Error(kStorage), having removed what it had begun.
std::uint64_t write_checkpoint(const std::string& path, const CheckpointPart& part);

/// Reads a file record by record. Throws Error(kData) with the file's path where it is none, or damaged.
class CheckpointReader {
 public:
  struct Rows {
    std::size_t table = 0;  ///< of the head's
    ShardId shard = 0;
    BufferRef block;
  };
  struct Histories {
    std::size_t table = 0;
    ShardId shard = 0;
    std::vector<wire::RowHistory> histories;
    std::vector<std::byte> updater_state;  ///< of each, one after the other
  };
  struct End {};
  using Record = std::variant<Rows, Histories, KeptMemory, End>;

  /// Reads the head. Blocks of rows come from the pool, which must outlive them.
  CheckpointReader(std::string path, BufferPool& pool);
  ~CheckpointReader();
  CheckpointReader(const CheckpointReader&) = delete;
  CheckpointReader& operator=(const CheckpointReader&) = delete;

  [[nodiscard]] const CheckpointHead& head() const { return head_; }
  /// The next record; the last is End.
  Record next();

 private:
  [[noreturn]] void refuse(const std::string& why) const;
  void read_bytes(std::byte* bytes, std::size_t count);
  RecordHeader read_header();
  void check(const RecordHeader& header, std::span<const std::byte> body) const;
  CheckpointHead read_head();
  Record read_rows(const RecordHeader& header);
  Record read_histories(const RecordHeader& header);
  Record read_kept(const RecordHeader& header);

  const std::string path_;
  BufferPool& pool_;
  int file_ = -1;
  std::uint64_t rest_ = 0;  ///< bytes after what was read
  std::uint64_t records_ = 0;
  CheckpointHead head_;
};

}  // namespace bosen::store
