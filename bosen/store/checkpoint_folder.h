#pragma once

// A job's checkpoints in a folder, which processes may share or have one each of:
//
//     FOLDER/clock-40/rank-0     a file of each process (checkpoint_file.h)
//                     rank-1

#include <optional>
#include <string>
#include <vector>

#include "bosen/store/checkpoint_file.h"

namespace bosen::store {

class CheckpointFolder {
 public:
  explicit CheckpointFolder(std::string path) : path_(std::move(path)) {}

  /// The folder that a user means who names it, the output folder that it is in, or one checkpoint in it; then only
  /// that one counts. Throws Error(kData) where there is no checkpoint.
  static CheckpointFolder find(const std::string& named);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Of one checkpoint.
  [[nodiscard]] std::string folder(Clock clock) const;
  [[nodiscard]] std::string file(Clock clock, Rank rank) const;
  [[nodiscard]] bool has(Clock clock, Rank rank) const;
  /// Clocks of which there is a checkpoint, whole or not, ascending.
  [[nodiscard]] std::vector<Clock> clocks() const;

  /// The checkpoints, of the newest ones, from which process `rank` of `processes` can go on as far as it can see: with
  /// its own file, where as many processes made them, or with all files.
  [[nodiscard]] std::vector<CheckpointId> usable(Rank rank, int processes) const;
  /// Whether all files of a checkpoint are here.
  [[nodiscard]] bool is_whole(const CheckpointId& id) const;

  /// Writes a process's file. Throws Error(kStorage).
  std::uint64_t write(const CheckpointPart& part) const;
  /// Gives checkpoints after `clock` another name, as they are of a run that went another way: who names the folder
  /// shall not get them. Returns the clock of the newest; none: there are none.
  std::optional<Clock> set_aside_after(Clock clock) const;
  /// Removes all checkpoints but those of the clocks in `kept`, which ascend: older ones nobody needs any more, and
  /// others were set aside, or are of a run that went another way.
  void tidy_up(const std::vector<Clock>& kept) const;
  /// The same of files of process `rank` alone, which other processes may be ahead of.
  void tidy_up(const std::vector<Clock>& kept, Rank rank) const;

 private:
  [[nodiscard]] std::optional<CheckpointHead> head(Clock clock, Rank rank) const;

  std::string path_;
  std::optional<Clock> only_;
};

}  // namespace bosen::store
