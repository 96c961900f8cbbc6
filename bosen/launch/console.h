#pragma once

// bosen run's own stdout and stderr. Texts are queued and written by the supervisor's loop when their reader is ready,
// so that a slow reader never keeps the loop from serving signals. Whole lines only are handed in, and lines of the two
// streams never mix, even where both go to one terminal or file. Single-threaded.

#include <poll.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bosen/launch/output_mux.h"
#include "bosen/launch/socket.h"

namespace bosen::launch {

class Console {
 public:
  Console();

  /// Queues complete lines.
  void write(Stream stream, std::string_view lines);

  /// Queues "bosen run: MESSAGE" for stderr.
  void say(std::string_view message);

  /// Whether so much waits to be written that nothing more should be read.
  [[nodiscard]] bool is_full() const;

  /// Whether nothing can be written to stdout any more, and why: EPIPE where its reader has gone.
  [[nodiscard]] bool is_closed() const { return targets_[0].closed; }
  [[nodiscard]] int error() const { return targets_[0].error; }

  /// Whether tags should be coloured: a terminal, and NO_COLOR is not set.
  [[nodiscard]] OutputMux::Colour colour() const;

  /// Adds what write_ready() must be told of.
  void add_poll(std::vector<pollfd>& polled) const;

  /// Writes what the readers take at once.
  void write_ready(const std::vector<pollfd>& polled);

  /// Writes everything, until `deadline` or until `stop_fd` becomes readable (-1: nothing stops it).
  void flush(Deadline deadline, int stop_fd);

 private:
  struct Target {
    int fd = -1;
    std::string pending = {};
    std::size_t written = 0;  ///< bytes of `pending` that are out already
    bool mid_line = false;    ///< the last byte written did not end a line
    bool closed = false;      ///< it can't be written; what is queued is dropped
    int error = 0;            ///< then: why
  };

  [[nodiscard]] bool may_write(std::size_t target) const;
  void write_some(Target& target);

  std::array<Target, 2> targets_;
  bool same_target_ = false;  ///< both streams end in one place
};

}  // namespace bosen::launch
