#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <string>

#include "bosen/launch/child_process.h"
#include "bosen/launch/socket.h"
#include "bosen/launch/ssh.h"

namespace bosen::launch {
namespace {

/// A shell that reads the script, as the one at the other end of ssh does.
class RemoteShell {
 public:
  explicit RemoteShell(const RemoteProgram& program)
      : child_(start_child({{"/bin/sh", "-s"}, own_environment(), true})) {
    say(remote_script(program));
  }

  ~RemoteShell() {
    ::kill(-child_.pid, SIGKILL);
    ::waitpid(child_.pid, nullptr, 0);
  }

  void say(const std::string& text) {
    EXPECT_EQ(::write(child_.in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  void hang_up() { child_.in.reset(); }

  bool wait_for_report(const std::string& report) { return wait_for("\x1enonce " + report); }

  /// Waits until `text` has come on stderr; false if it never does.
  bool wait_for(const std::string& text) {
    const Deadline deadline = deadline_after(30);
    while (err_.find(text) == std::string::npos) {
      if (!read_some(child_.err, err_, deadline)) return false;
    }
    return true;
  }

  /// All of stdout and stderr until they end.
  std::string read_all() {
    const Deadline deadline = deadline_after(30);
    while (read_some(child_.out, out_, deadline)) {
    }
    while (read_some(child_.err, err_, deadline)) {
    }
    return out_ + err_;
  }

 private:
  static bool read_some(const UniqueFd& fd, std::string& text, Deadline deadline) {
    pollfd polled{fd.get(), POLLIN, 0};
    if (::poll(&polled, 1, poll_timeout_ms(deadline)) <= 0) return false;
    std::array<char, 4096> chunk{};
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
    return got > 0;
  }

  ChildProcess child_;
  std::string out_;
  std::string err_;
};

/// Everything that a program writes and the script reports.
std::string run(const RemoteProgram& program) {
  RemoteShell shell(program);
  if (!shell.wait_for_report("ready\n")) return "not ready";
  shell.say("start\n");
  return shell.wait_for_report("exit ") ? shell.read_all() : "no end";
}

RemoteProgram shell_program(const std::string& text) { return {"nonce", "/", {}, {"sh", "-c", text}}; }

TEST(RemoteScriptTest, RunsTheProgramWithItsArgumentsEnvironmentAndFolder) {
  const std::string output =
      run({"nonce",
           "/usr",
           {{"A", "it's\n$HOME"}, {"EMPTY", ""}},
           {"sh", "-c", "printf '%s|%s|%s|%s' \"$PWD\" \"$A\" \"$EMPTY\" \"$1\"; exit 7", "sh", "two words; `id`"}});
  EXPECT_NE(output.find("\x1enonce stdout\n/usr|it's\n$HOME||two words; `id`"), std::string::npos) << output;
  EXPECT_NE(output.find("\x1enonce started "), std::string::npos) << output;
  EXPECT_NE(output.find("\x1enonce exit 7\n"), std::string::npos) << output;
}

TEST(RemoteScriptTest, SurvivesVariablesNamedLikeItsOwn) {
  const std::string output =
      run({"nonce",
           "/",
           {{"PATH", "/usr/bin:/bin"}, {"setsid", "x"}, {"pid", "x"}, {"nonce", "x"}, {"path", "x"}},
           {"sh", "-c", "echo $setsid$pid$nonce$path"}});
  EXPECT_NE(output.find("xxxx\n"), std::string::npos) << output;
  EXPECT_NE(output.find("\x1enonce exit 0\n"), std::string::npos) << output;
}

TEST(RemoteScriptTest, ReportsASignalAsTheShellsCode) {
  EXPECT_NE(run(shell_program("kill -9 $$")).find("\x1enonce exit 137\n"), std::string::npos);
}

TEST(RemoteScriptTest, TheProgramDoesNotIgnoreInterrupts) {
  const std::string output = run(shell_program("kill -INT $$; echo survived"));
  EXPECT_EQ(output.find("survived"), std::string::npos) << output;
  EXPECT_NE(output.find("\x1enonce exit 130\n"), std::string::npos) << output;
}

TEST(RemoteScriptTest, PassesSignalsOn) {
  RemoteShell shell(shell_program("trap 'echo caught; exit 3' TERM; echo trapped >&2; sleep 60 & wait"));
  ASSERT_TRUE(shell.wait_for_report("ready\n"));
  shell.say("start\n");
  ASSERT_TRUE(shell.wait_for("trapped\n"));
  shell.say("TERM\n");
  ASSERT_TRUE(shell.wait_for_report("exit 3\n"));
  shell.hang_up();
  EXPECT_NE(shell.read_all().find("caught\n"), std::string::npos);
}

TEST(RemoteScriptTest, EndsTheProgramWhenTheConnectionEnds) {
  RemoteShell shell(shell_program("sleep 60; true"));
  ASSERT_TRUE(shell.wait_for_report("ready\n"));
  shell.say("start\n");
  ASSERT_TRUE(shell.wait_for_report("started "));
  shell.hang_up();
  EXPECT_TRUE(shell.wait_for_report("exit 143\n"));
}

TEST(RemoteScriptTest, StartsNothingUnlessToldTo) {
  RemoteShell shell(shell_program("echo started anyway"));
  ASSERT_TRUE(shell.wait_for_report("ready\n"));
  shell.hang_up();
  EXPECT_EQ(shell.read_all().find("started"), std::string::npos);
}

TEST(RemoteScriptTest, RefusesWhatCannotStart) {
  const auto refusal = [](const RemoteProgram& program) { return RemoteShell(program).read_all(); };
  EXPECT_EQ(refusal({"nonce", "/nonexistent", {}, {"true"}}), "\x1enonce refused nofolder\n");
  EXPECT_EQ(refusal({"nonce", "/etc/passwd", {}, {"true"}}), "\x1enonce refused nofolder\n");
  EXPECT_EQ(refusal({"nonce", "/", {}, {"no-such-program"}}), "\x1enonce refused noprogram\n");
  EXPECT_EQ(refusal({"nonce", "/", {}, {"./etc/passwd"}}), "\x1enonce refused noprogram\n");
}

}  // namespace
}  // namespace bosen::launch
