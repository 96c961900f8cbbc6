#pragma once

// What bosen run says to ssh and to the shell at its other end. No process is started here.
//
// ssh's command line holds nothing but options, the host and "exec /bin/sh -s". Everything else (folder, environment,
// program and arguments) is a script on ssh's stdin in which each value is one quoted word, so that no shell ever
// interprets it. The script reports on stderr by lines that start with a record separator (0x1e) and a nonce:
//
//   ready         the folder and the program are there
//   stdout        on stdout: what came before was noise of the login shell
//   started PID   the program runs as this process, the leader of its own process group
//   exit CODE     the program has ended; the shell's code, 128+n for signal n
//   refused TEXT  it cannot start
//
// and then reads lines from stdin: "start", the names of signals to pass on, and "beat", which must come at least every
// kRemoteSilence. When stdin ends or the beats stop, a watcher in another process group ends the program's process
// group: SIGTERM, and SIGKILL 5 s later.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bosen/launch/environment.h"
#include "bosen/launch/hostfile.h"

namespace bosen::launch {

/// How often bosen run tells each remote watcher that it is alive, and how long a watcher waits before it gives up.
inline constexpr std::chrono::seconds kRemoteBeat{3};
inline constexpr std::chrono::seconds kRemoteSilence{10};
static_assert(3 * kRemoteBeat < kRemoteSilence);

struct SshSettings {
  std::vector<std::string> command = {"ssh"};  ///< BOSEN_SSH, split at blanks
  std::vector<std::string> options;            ///< --ssh-option: what stands after ssh's -o
  int connect_timeout_s = 8;
};

/// Settings with the ssh that BOSEN_SSH names; each of `options` stands after an -o. Throws Error(kUsage).
SshSettings ssh_settings(const GetEnv& env, std::vector<std::string> options);

/// The command line that connects to `host` and starts a shell there which takes its script from stdin.
std::vector<std::string> ssh_command(const SshSettings& settings, const Host& host);

/// The path of ssh, or of the program that stands for it. Throws Error(kUsage) where there is none.
std::string find_ssh(const std::string& name);

struct RemoteProgram {
  std::string nonce;
  std::string folder;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> command;
};

/// The script that runs `program` on the other side as described above.
std::string remote_script(const RemoteProgram& program);

/// The command for a person to type that tries to log in at `host` as we do: "ssh -o Port=2222 ann@gnode1 true".
std::string ssh_by_hand(const SshSettings& settings, const Host& host);

/// One line for a person: why ssh could not connect, and how to mend it; `error_output` is what ssh wrote.
std::string explain_ssh_failure(const SshSettings& settings, const Host& host, std::string_view error_output,
                                int exit_code);

/// Takes the script's reports out of a stream. Pure; single-threaded.
class ReportFilter {
 public:
  explicit ReportFilter(const std::string& nonce) : start_("\x1e" + nonce + " ") {}

  /// A piece of the stream: a report (without nonce and line end), or bytes that are none.
  struct Piece {
    bool is_report = false;
    std::string text;
  };

  /// The pieces that `bytes` complete, in their order.
  std::vector<Piece> feed(std::string_view bytes);

  /// The stream has ended: what looked like the start of a report.
  std::string finish();

 private:
  std::string start_;
  std::string held_;  ///< the start of what may become a report
};

}  // namespace bosen::launch
