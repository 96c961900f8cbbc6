#pragma once

// What a person reads who ends a job by Ctrl-C, or whose launcher ends it by SIGTERM. POSIX stays behind this header.

#include <deque>
#include <string>

namespace bosen {

/// While it lives, SIGINT and SIGTERM write the latest text to stderr and then end the process as they would have
/// without. One that is ignored, as SIGINT is for jobs in a shell's background, stays so. One a process; one thread at
/// a time.
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
  // each.
  std::deque<std::string> texts_;
};

}  // namespace bosen
