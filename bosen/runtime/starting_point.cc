#include "bosen/runtime/starting_point.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <variant>

#include "bosen/base/counted.h"
#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/core/partition.h"

namespace bosen::runtime {
namespace {

using store::CheckpointHead;
using store::CheckpointId;
using store::CheckpointReader;

std::string clocks_text(const std::vector<CheckpointId>& usable) {
  if (usable.empty()) return "none";
  std::vector<Clock> clocks;
  for (const CheckpointId& id : usable) clocks.push_back(id.clock);
  return fmt::format("of clock {}", fmt::join(clocks, ", "));
}

/// Takes a process's part out of the files of a checkpoint.
class Loader {
 public:
  Loader(const core::Membership& members, BufferPool& pool) : members_(members), pool_(pool) {}

  /// `as_before`: the file is this process's own, and the job is made up as it was.
  void load(CheckpointReader& reader, bool as_before) {
    begin(reader.head());
    for (;;) {
      CheckpointReader::Record record = reader.next();
      if (std::holds_alternative<CheckpointReader::End>(record)) return;
      if (auto* rows = std::get_if<CheckpointReader::Rows>(&record)) {
        as_before ? take(*rows) : spread(*rows, reader.head().tables[rows->table].shape);
      } else if (auto* histories = std::get_if<CheckpointReader::Histories>(&record)) {
        spread(*histories);
      } else if (auto* kept = std::get_if<store::KeptMemory>(&record)) {
        take(*kept);
      }
    }
  }

  StartingPoint finish() {
    for (auto& [place, builder] : builders_) {
      auto& blocks = point_.shards.at(place.first).tables[place.second].blocks;
      for (BufferRef& block : builder.take()) blocks.push_back(std::move(block));
    }
    return std::move(point_);
  }

 private:
  /// Every table is on every shard, with rows or without. All files of processes with shards have the same tables.
  void begin(const CheckpointHead& head) {
    point_.clock = head.id.clock;
    point_.workers = std::accumulate(head.workers.begin(), head.workers.end(), 0);
    if (has_tables_) return;
    has_tables_ = !head.tables.empty();
    for (ShardId shard = 0; shard < members_.shards(); ++shard) {
      if (!members_.is_local(shard)) continue;
      wire::ShardSnapshot& snapshot = point_.shards[shard];
      snapshot.clock = head.id.clock;
      for (const wire::TableSpec& spec : head.tables) {
        snapshot.tables.push_back({.spec = spec, .blocks = {}, .histories = {}, .updater_state = {}});
      }
    }
  }

  wire::TableSnapshot* local(ShardId shard, std::size_t table) {
    const auto found = point_.shards.find(shard);
    return found == point_.shards.end() ? nullptr : &found->second.tables[table];
  }

  void take(CheckpointReader::Rows& rows) {
    if (wire::TableSnapshot* table = local(rows.shard, rows.table)) table->blocks.push_back(std::move(rows.block));
  }

  void spread(const CheckpointReader::Rows& rows, const wire::RowShape& shape) {
    const wire::RowBlockView view(shape, *rows.block);
    for (std::size_t i = 0; i < view.size(); ++i) {
      const ShardId shard = core::shard_of(view.id(i), members_.shards());
      if (!members_.is_local(shard)) continue;
      const std::byte* row = rows.block->data + view.offset(i);
      wire::BlockBuilder& to = builder(shard, rows.table, shape);
      if (shape.kind == RowKind::kDense) {
        std::memcpy(to.append_dense(view.id(i)), row, shape.row_bytes());
      } else {
        const std::size_t count = wire::SparseRecord::count(row);
        std::memcpy(to.append_sparse(view.id(i), count), row, wire::SparseRecord::bytes(count, shape.element_bytes()));
      }
    }
  }

  wire::BlockBuilder& builder(ShardId shard, std::size_t table, const wire::RowShape& shape) {
    return builders_.try_emplace({shard, table}, pool_, shape, limits::kBlockBytes).first->second;
  }

  void spread(const CheckpointReader::Histories& from) {
    const std::size_t state_bytes = from.updater_state.size() / from.histories.size();
    for (std::size_t i = 0; i < from.histories.size(); ++i) {
      const wire::RowHistory& history = from.histories[i];
      wire::TableSnapshot* to = local(core::shard_of(history.row, members_.shards()), from.table);
      if (to == nullptr) continue;
      to->histories.push_back(history);
      const auto state = std::span(from.updater_state).subspan(i * state_bytes, state_bytes);
      to->updater_state.insert(to->updater_state.end(), state.begin(), state.end());
    }
  }

  void take(store::KeptMemory& kept) {
    if (members_.rank >= members_.clients() || kept.worker < 0 || kept.worker >= members_.worker_count()) return;
    if (members_.rank_of_worker(kept.worker) == members_.rank) point_.kept.push_back(std::move(kept));
  }

  const core::Membership& members_;
  BufferPool& pool_;
  StartingPoint point_;
  bool has_tables_ = false;
  std::map<std::pair<ShardId, std::size_t>, wire::BlockBuilder> builders_;
};

}  // namespace

std::string to_text(const CheckpointId& id) { return fmt::format("{}:{:x}", id.clock, id.job); }

std::optional<CheckpointId> checkpoint_id_of(const std::string& text) {
  CheckpointId id;
  const char* const end = text.data() + text.size();
  const auto [colon, clock_error] = std::from_chars(text.data(), end, id.clock);
  if (clock_error != std::errc{} || colon == end || *colon != ':') return std::nullopt;
  const auto [stop, job_error] = std::from_chars(colon + 1, end, id.job, 16);
  if (job_error != std::errc{} || stop != end) return std::nullopt;
  return id;
}

std::optional<CheckpointId> newest_common(const std::vector<std::vector<CheckpointId>>& usable) {
  std::vector<CheckpointId> common = usable.front();
  for (const auto& other : usable) {
    std::erase_if(common,
                  [&](const CheckpointId& id) { return std::find(other.begin(), other.end(), id) == other.end(); });
  }
  if (common.empty()) return std::nullopt;
  return *std::ranges::max_element(common, {}, &CheckpointId::clock);
}

void refuse_without_common(const std::vector<std::vector<CheckpointId>>& usable) {
  const std::string otherwise = "; where the job ended before its first was written, begin again with another --output";
  if (std::all_of(usable.begin(), usable.end(), [](const auto& all) { return all.empty(); })) {
    throw Error(ErrorKind::kData,
                "--resume: there is no whole checkpoint: put all files of one into one folder where other processes "
                "made it" +
                    otherwise);
  }
  const auto differs =
      std::find_if(usable.begin(), usable.end(), [&](const auto& other) { return other != usable[0]; });
  throw Error(ErrorKind::kData,
              fmt::format("--resume: the processes have no checkpoint in common: rank 0 has {}, rank {} has {}: give "
                          "them a folder that all can read, or start them where they ran before{}",
                          clocks_text(usable[0]), differs - usable.begin(), clocks_text(*differs), otherwise));
}

StartingPoint load_starting_point(const store::CheckpointFolder& folder, const CheckpointId& id,
                                  const core::Membership& members, const std::string& program, BufferPool& pool) {
  const auto open = [&](Rank rank) {
    auto reader = std::make_unique<CheckpointReader>(folder.file(id.clock, rank), pool);
    const CheckpointHead& head = reader->head();
    if (head.program == program) return reader;
    throw Error(ErrorKind::kData,
                fmt::format("checkpoint {} is of {}, not of {}", folder.file(id.clock, rank), head.program, program));
  };
  const auto is_as_before = [&](const CheckpointHead& head) {
    return head.id == id && head.rank == members.rank && head.workers == members.workers &&
           head.rank_of_shard == members.rank_of_shard;
  };
  Loader loader(members, pool);
  if (folder.has(id.clock, members.rank)) {
    const auto own = open(members.rank);
    if (is_as_before(own->head())) {
      loader.load(*own, true);
      return loader.finish();
    }
  }
  if (!folder.is_whole(id)) {
    throw Error(ErrorKind::kData,
                fmt::format("not all files of the checkpoint of clock {} are in {}: they are needed where other "
                            "processes, workers or shards made it; put them into one folder",
                            id.clock, folder.path()));
  }
  const int processes = open(0)->head().processes;
  for (Rank rank = 0; rank < processes; ++rank) loader.load(*open(rank), false);
  return loader.finish();
}

}  // namespace bosen::runtime
