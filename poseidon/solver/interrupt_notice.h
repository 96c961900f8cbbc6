#pragma once

// What a person reads who ends a training by Ctrl-C.

#include <deque>
#include <string>

namespace poseidon {

/// While it lives, SIGINT writes the latest text to stderr and then ends the process as it would have without. Where
/// SIGINT is ignored, as for jobs in a shell's background, it stays so. One a process; single-threaded.
class InterruptNotice {
 public:
  explicit InterruptNotice(std::string text);
  ~InterruptNotice();
  InterruptNotice(const InterruptNotice&) = delete;
  InterruptNotice& operator=(const InterruptNotice&) = delete;

  /// Replaces the text: one line, without its end.
  void set(std::string text);

 private:
  // All of them, as the signal may come while the last but one is read; entries never move. A few hundred bytes for
  // each snapshot.
  std::deque<std::string> texts_;
};

}  // namespace poseidon
