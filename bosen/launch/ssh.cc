#include "bosen/launch/ssh.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "bosen/base/error.h"
#include "bosen/base/shell.h"
#include "bosen/launch/child_process.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

/// Reports that are longer than this are not ours.
constexpr std::size_t kMaxReport = 4096;

/// The fixed part of the script. `$folder`, `$nonce`, `$silence`, `variables` and the positional arguments are defined
/// before it.
///
/// Why it is so roundabout: the program must run in the foreground, as a shell makes background jobs ignore SIGINT for
/// good; so the watcher is the one in the background, and is told the program's process id, which the subshell keeps
/// when it becomes the program. The watcher is started twice removed, so that the program has no child it does not
/// know. `$path` keeps the login shell's PATH for our own needs, as the job's variables may change it.
constexpr std::string_view kScript = R"sh(
report() { printf '\036%s %s\n' "$nonce" "$1" >&2; }
refuse() { report "refused $1"; exit 2; }
send() { kill "-$1" "-$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null; }
stop() {
  send TERM "$1" || return 0
  waited=0
  while [ "$waited" -lt 5 ] && kill -0 "-$1" 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
  done
  send KILL "$1"
}
watch() {
  PATH=$path
  trap '' USR1 # a beat that comes before the subshell has its trap must not end it
  (
    alive=1
    trap 'alive=1' USR1
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    while [ "$alive" = 1 ]; do
      alive=0
      sleep "$silence" & nap=$!
      while kill -0 "$nap" 2>/dev/null; do wait "$nap"; done
    done
    stop "$1"
  ) 3<&- & timer=$!
  while IFS= read -r word <&3; do
    case $word in
      beat) kill -USR1 "$timer" 2>/dev/null ;;
      HUP | INT | QUIT | TERM | KILL | USR1 | USR2) send "$word" "$1" ;;
    esac
  done
  kill -TERM "$timer" 2>/dev/null
  stop "$1"
}
bosen_rank() {
  path=$PATH
  [ -d "$folder" ] || refuse nofolder
  cd "$folder" 2>/dev/null || refuse nofolder
  setsid=$(command -v setsid) || refuse nosetsid
  ( variables
    case $1 in
      */*) [ -f "$1" ] && [ -x "$1" ] ;;
      *) command -v "$1" >/dev/null 2>&1 ;;
    esac
  ) || refuse noprogram
  printf '\036%s stdout\n' "$nonce"
  report ready
  IFS= read -r word && [ "$word" = start ] || exit 0
  (
    pid=$(exec sh -c 'echo $PPID')
    exec 3<&0 </dev/null
    ( ( watch "$pid" ) >/dev/null 2>&1 & )
    report "started $pid"
    set -- "$setsid" "$@"
    variables
    exec "$@" 3<&-
  )
  report "exit $?"
  exit 0
}
bosen_rank "$@"
)sh";

struct KnownFailure {
  std::string_view sign;  ///< in what ssh writes
  std::string_view meaning;
  std::string_view mend;
};

constexpr std::array<KnownFailure, 11> kKnownFailures = {{
    {"HOST IDENTIFICATION HAS CHANGED", "its ssh host key is not the one known so far",
     "if that is right, remove the old key with `ssh-keygen -R {host}`"},
    {"Host key verification failed", "its ssh host key is not known here",
     "run `{ssh}` once by hand and check the key it shows"},
    {"Permission denied", "ssh does not let you in without a password",
     "make a key with `ssh-keygen` and install it with `{ssh-copy-id}`"},
    {"Too many authentication failures", "ssh does not let you in without a password",
     "name the right key with --ssh-option IdentityFile=PATH"},
    {"Could not resolve hostname", "its name is not known", "write its address, or add it to DNS or /etc/hosts"},
    {"Connection refused", "no ssh server answers", "start sshd there, or name its port with --ssh-option Port=N"},
    {"timed out", "it cannot be reached", "check that it is up and that no firewall is between"},
    {"No route to host", "it cannot be reached", "check that it is up and that no firewall is between"},
    {"Network is unreachable", "it cannot be reached", "check the network of this machine"},
    {"Connection closed by", "its ssh server hung up",
     "see its log; many connections at once need a larger MaxStartups there"},
    {"Connection reset by", "its ssh server hung up",
     "see its log; many connections at once need a larger MaxStartups there"},
}};

std::string replace_all(std::string_view text, std::string_view what, std::string_view by) {
  std::string result(text);
  for (std::size_t at = result.find(what); at != std::string::npos; at = result.find(what, at + by.size())) {
    result.replace(at, what.size(), by);
  }
  return result;
}

/// A person's options and the host, as they follow the name of ssh or of a program beside it.
std::string login_words(const SshSettings& settings, const Host& host) {
  std::string words;
  for (const std::string& option : settings.options) words += " -o " + shell_word(option);
  return words + " " + shell_word(host.user.empty() ? host.name : host.user + "@" + host.name);
}

}  // namespace

SshSettings ssh_settings(const GetEnv& env, std::vector<std::string> options) {
  SshSettings settings;
  for (const std::string& option : options) {
    const std::size_t end = option.find_first_of("= ");
    if (!is_variable_name(std::string_view(option).substr(0, end)) || end == std::string::npos) {
      throw Error(ErrorKind::kUsage,
                  "--ssh-option '" + printable(option) + "' is not NAME=VALUE, as in --ssh-option Port=2222");
    }
  }
  settings.options = std::move(options);
  const char* const command = env("BOSEN_SSH");
  if (command == nullptr) return settings;
  settings.command.clear();
  for (const std::string_view word : split(command, ' ')) {
    if (!word.empty()) settings.command.emplace_back(word);
  }
  if (settings.command.empty()) settings.command = {"ssh"};
  return settings;
}

std::vector<std::string> ssh_command(const SshSettings& settings, const Host& host) {
  std::vector<std::string> command = settings.command;
  const auto option = [&](const std::string& text) { command.insert(command.end(), {"-o", text}); };
  // ssh takes the first value that it sees, so a person's options come first.
  for (const std::string& text : settings.options) option(text);
  option("BatchMode=yes");
  option(fmt::format("ConnectTimeout={}", settings.connect_timeout_s));
  option("ServerAliveInterval=3");
  option("ServerAliveCountMax=2");
  command.emplace_back("-T");
  if (!host.user.empty()) command.insert(command.end(), {"-l", host.user});
  command.insert(command.end(), {"--", host.name, "exec /bin/sh -s"});
  return command;
}

std::string find_ssh(const std::string& name) {
  try {
    return find_program(name);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}; other hosts are reached by it: install openssh-client, or name another "
                                          "command by BOSEN_SSH",
                                          error.what()));
  }
}

std::string remote_script(const RemoteProgram& program) {
  std::string script = fmt::format("nonce={}\nfolder={}\nsilence={}\nvariables() {{ :\n", shell_quote(program.nonce),
                                   shell_quote(program.folder), kRemoteSilence.count());
  for (const auto& [name, value] : program.environment)
    script += fmt::format("export {}={}\n", name, shell_quote(value));
  script += "}\nset --";
  for (const std::string& argument : program.command) script += " " + shell_quote(argument);
  script += kScript;
  return script;
}

std::string ssh_by_hand(const SshSettings& settings, const Host& host) {
  std::string command;
  for (const std::string& word : settings.command) command += (command.empty() ? "" : " ") + shell_word(word);
  return command + login_words(settings, host) + " true";
}

std::string explain_ssh_failure(const SshSettings& settings, const Host& host, std::string_view error_output,
                                int exit_code) {
  const std::string said = printable(last_line(error_output), 300);
  for (const KnownFailure& failure : kKnownFailures) {
    if (error_output.find(failure.sign) == std::string_view::npos) continue;
    std::string mend = replace_all(failure.mend, "{host}", host.name);
    mend = replace_all(mend, "{ssh-copy-id}", "ssh-copy-id" + login_words(settings, host));
    mend = replace_all(mend, "{ssh}", ssh_by_hand(settings, host));
    return fmt::format("{}: host '{}': {}: {} (ssh says: {})", host.where, host.name, failure.meaning, mend, said);
  }
  if (said.empty()) {
    return fmt::format("{}: host '{}': ssh ended with code {} and no message: see what `{}` says", host.where,
                       host.name, exit_code, ssh_by_hand(settings, host));
  }
  return fmt::format("{}: host '{}': ssh ended with code {}: {}", host.where, host.name, exit_code, said);
}

std::vector<ReportFilter::Piece> ReportFilter::feed(std::string_view bytes) {
  std::vector<Piece> pieces;
  const auto pass = [&](std::string_view text) {
    if (text.empty()) return;
    if (pieces.empty() || pieces.back().is_report) pieces.push_back({});
    pieces.back().text.append(text);
  };
  while (!bytes.empty()) {
    if (held_.empty()) {
      const std::size_t start = bytes.find(start_.front());
      pass(bytes.substr(0, start));
      if (start == std::string_view::npos) break;
      bytes.remove_prefix(start);
    }
    const char next = bytes.front();
    const bool in_start = held_.size() < start_.size();
    if ((in_start && next != start_[held_.size()]) || held_.size() > kMaxReport) {
      pass(finish());  // no report; but this byte may start one
      continue;
    }
    held_ += next;
    bytes.remove_prefix(1);
    if (!in_start && next == '\n') {
      pieces.push_back({true, held_.substr(start_.size(), held_.size() - start_.size() - 1)});
      held_.clear();
    }
  }
  return pieces;
}

std::string ReportFilter::finish() { return std::exchange(held_, {}); }

}  // namespace bosen::launch
