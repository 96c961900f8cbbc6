#pragma once

// What one process of a job looks like at a moment: its workers, its shards, its traffic, its latest measures. Plain
// values, and the form in which they travel to rank 0.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bosen/base/types.h"

namespace bosen::monitor {

enum class WorkerState : std::uint8_t { kComputing, kReading, kAtBarrier, kOnChannel, kFinished, kHeldBack };

/// "computing", "reading", "at a barrier", "on a channel", "finished", "held back"
/// (others do not take what it sends, or are so far behind that memory runs short).
std::string_view to_string(WorkerState state);

struct WorkerStatus {
  WorkerId worker = 0;
  Clock clock = 0;       ///< iterations that it has finished
  double compute_s = 0;  ///< of the clocks that it has finished
  double wait_s = 0;
  WorkerState state = WorkerState::kComputing;
  double waiting_s = 0;  ///< how long it has been waiting; 0: it isn't
  Clock needed = 0;      ///< what it reads must show all timestamps below this
  std::int64_t reads = 0;
  std::int64_t misses = 0;    ///< reads that had to ask a shard
  double computing_s = 0;     ///< of the clock under way, so far
  std::int64_t barriers = 0;  ///< at which it has arrived

  bool operator==(const WorkerStatus&) const = default;
};

/// What a shard holds, and what it has done since it began.
struct ShardStatus {
  ShardId shard = 0;
  std::int64_t rows = 0;
  std::int64_t updates = 0;  ///< messages with updates
  std::int64_t reads = 0;    ///< messages that asked for rows
  std::int64_t parked = 0;   ///< reads that wait for slower workers now

  bool operator==(const ShardStatus&) const = default;
};

/// What an app measured at a clock.
struct Evaluation {
  Clock clock = 0;
  double time_s = 0;
  std::vector<std::pair<std::string, double>> measures = {};

  bool operator==(const Evaluation&) const = default;
};

struct ProcessStatus {
  Rank rank = 0;
  std::string host = {};
  std::int64_t pid = 0;
  std::int64_t taken_ms = 0;  ///< when, since 1970 by its own host's clock
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
  std::vector<WorkerStatus> workers = {};
  std::vector<ShardStatus> shards = {};
  std::int64_t evaluations_before = 0;  ///< how many there were before those that follow
  std::vector<Evaluation> evaluations = {};

  bool operator==(const ProcessStatus&) const = default;
};

/// JSON on one line, of arrays where there are many. The oldest evaluations are left out where they are too long.
std::string encode(const ProcessStatus& status);
/// Nothing where `text` is no such line. Any bytes are safe to decode.
std::optional<ProcessStatus> decode_process_status(std::string_view text);

}  // namespace bosen::monitor
