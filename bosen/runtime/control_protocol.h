#pragma once

// What a process and the coordinator say to each other: JSON objects, one a line, at most kControlLineBytesMax bytes
// each. Pure values and functions. Any bytes are safe to decode.
//
//   process -> coordinator   hello      first line: the job's token, its size and servers, and who the process is
//                            heartbeat  nothing but a sign of life
//                            done       the process needs the others no more, but still serves them
//                            abort      the process ends the job, with a cause and the kind of error
//                            status     how the process is, for whoever watches the job; rank 0 is told of it
//   coordinator -> process   heartbeat  a sign of life; the first one tells that the hello was accepted
//                            member     one entry of the member list, in the order of ranks, before `start`
//                            start      all processes are here
//                            waiting    a line to show to people: for whom the job waits
//                            released   all processes are done; the process closes the connection
//                            failed     the job can't go on, why, and as which kind of error; the process closes

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bosen/base/error.h"
#include "bosen/runtime/job_control.h"

namespace bosen::runtime {

/// Bytes of a line, its end included.
inline constexpr std::size_t kControlLineBytesMax = std::size_t{128} << 10;
/// Bytes of a cause or a text; longer ones are cut.
inline constexpr std::size_t kControlTextBytesMax = 4096;
/// Bytes of what a process reports of itself.
inline constexpr std::size_t kControlStatusBytesMax = std::size_t{60} << 10;
/// Addresses or checkpoints of one process, and bytes of one of them.
inline constexpr std::size_t kMemberAddressesMax = 16;
inline constexpr std::size_t kMemberAddressBytesMax = 512;
/// Bytes of a member's other texts and of the job's token.
inline constexpr std::size_t kMemberTextBytesMax = 512;

// A byte of JSON text takes at most 6 bytes, so every member fits into a line.
static_assert(6 * (2 * kMemberAddressesMax * kMemberAddressBytesMax + 4 * kMemberTextBytesMax) + 1024 <
              kControlLineBytesMax);
static_assert(6 * kControlTextBytesMax + 1024 < kControlLineBytesMax);
// A status is JSON already, of which a byte takes at most 2.
static_assert(2 * kControlStatusBytesMax + 1024 < kControlLineBytesMax);

struct Hello {
  std::string job;
  int size = 0;
  int servers = 0;
  Member member;
  /// False where only rank, host, pid and version could be read: a process of another version may say the rest
  /// differently.
  bool complete = true;
  friend bool operator==(const Hello&, const Hello&) = default;
};
struct MemberEntry {
  Member member;
  friend bool operator==(const MemberEntry&, const MemberEntry&) = default;
};
struct Start {
  std::int64_t epoch = 0;
  friend bool operator==(const Start&, const Start&) = default;
};
struct Heartbeat {
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};
struct Waiting {
  std::string text;
  friend bool operator==(const Waiting&, const Waiting&) = default;
};
struct Done {
  friend bool operator==(const Done&, const Done&) = default;
};
struct Status {
  std::string text;  ///< JSON
  friend bool operator==(const Status&, const Status&) = default;
};
struct Released {
  friend bool operator==(const Released&, const Released&) = default;
};
struct Abort {
  ErrorKind kind = ErrorKind::kPeerLost;
  std::string cause;
  friend bool operator==(const Abort&, const Abort&) = default;
};
struct Failed {
  ErrorKind kind = ErrorKind::kPeerLost;
  std::string cause;
  friend bool operator==(const Failed&, const Failed&) = default;
};

using ControlMessage =
    std::variant<Hello, MemberEntry, Start, Heartbeat, Waiting, Status, Done, Released, Abort, Failed>;

/// The line that says `message`, with its end.
std::string encode(const ControlMessage& message);

/// What a line (without its end) says; nothing where it is no message.
std::optional<ControlMessage> decode(std::string_view line);

/// What is out of bounds in `member`, as a phrase ("its host name is longer than 512 bytes"); nothing where all is
/// well.
std::optional<std::string> problem_of(const Member& member);

/// "rank 3 (host node7, pid 4242)".
std::string describe(const Member& member);

/// "0.3 s", "60 s".
std::string seconds_text(std::int64_t nanoseconds);

/// `text` with control bytes replaced by blanks and cut at kControlTextBytesMax bytes, so that it stays one line.
std::string one_line(std::string_view text);

}  // namespace bosen::runtime
