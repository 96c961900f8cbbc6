#include "bosen/base/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <map>
#include <string>

namespace bosen {
namespace {

/// A pseudo terminal's user side.
class TerminalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) GTEST_SKIP() << "no pseudo terminals here";
    terminal_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    if (terminal_ < 0) GTEST_SKIP() << "no pseudo terminals here";
  }
  void TearDown() override {
    ::close(terminal_);
    ::close(master_);
  }

  static TerminalStyle style(int fd, const std::map<std::string, std::string>& environment) {
    return terminal_style(fd, [&](const char* name) {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    });
  }

  int master_ = -1;
  int terminal_ = -1;
};

TEST_F(TerminalTest, RewritesAndColorsOnATerminal) {
  const TerminalStyle result = style(terminal_, {{"TERM", "xterm"}});
  EXPECT_TRUE(result.rewrites_lines);
  EXPECT_TRUE(result.colors);
}

TEST_F(TerminalTest, LeavesTheLastColumnFreeSoThatNothingWraps) {
  EXPECT_EQ(style(terminal_, {{"TERM", "xterm"}}).columns, 79) << "nobody has measured this terminal";
  winsize size{};
  size.ws_col = 120;
  ASSERT_EQ(::ioctl(terminal_, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(style(terminal_, {{"TERM", "xterm"}}).columns, 119);
}

TEST_F(TerminalTest, HonoursNoColor) {
  EXPECT_FALSE(style(terminal_, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}).colors);
  EXPECT_TRUE(style(terminal_, {{"TERM", "xterm"}, {"NO_COLOR", "1"}}).rewrites_lines);
  EXPECT_TRUE(style(terminal_, {{"TERM", "xterm"}, {"NO_COLOR", ""}}).colors);
}

TEST_F(TerminalTest, WritesPlainLinesToADumbTerminal) {
  EXPECT_FALSE(style(terminal_, {{"TERM", "dumb"}}).rewrites_lines);
  EXPECT_FALSE(style(terminal_, {}).rewrites_lines);
}

TEST(TerminalFileTest, WritesPlainLinesToAFile) {
  const int file = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const TerminalStyle result = terminal_style(file, [](const char*) { return "xterm"; });
  EXPECT_FALSE(result.rewrites_lines);
  EXPECT_FALSE(result.colors);
  ::close(file);
}

}  // namespace
}  // namespace bosen
