#pragma once

// The files DIR/rank-N.out and DIR/rank-N.err that --output-dir asks for: each rank's output byte for byte.
// Single-threaded.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bosen/base/types.h"
#include "bosen/launch/output_mux.h"
#include "bosen/launch/unique_fd.h"

namespace bosen::launch {

class RankLogs {
 public:
  enum class Mode { kEmpty, kAppend };
  /// Makes the folder, empties the files unless they are to be appended to, and removes those of further ranks, which
  /// an earlier, larger job has left. An empty `folder` means no files. Throws Error(kStorage).
  RankLogs(const std::string& folder, int size, Mode mode = Mode::kEmpty);

  /// Appends; returns a message the first time that a file cannot be written, else an empty text. Such a file is given
  /// up.
  std::string write(Rank rank, Stream stream, std::string_view bytes);

  /// Where to look for what the rank said last: its stderr, or its stdout where that says nothing. Empty where there
  /// are no files.
  [[nodiscard]] std::string path_to_read(Rank rank) const;

  /// Whether all that was to be written is in the files: none was given up.
  [[nodiscard]] bool are_complete() const { return complete_; }

  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  struct File {
    UniqueFd fd;
    bool has_bytes = false;
  };

  [[nodiscard]] std::string path(Rank rank, Stream stream) const;
  void remove_others(Rank first) const;

  std::string folder_;
  bool complete_ = true;
  std::vector<std::array<File, 2>> files_;
};

}  // namespace bosen::launch
