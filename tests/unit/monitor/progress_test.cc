#include "bosen/monitor/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>

namespace bosen::monitor {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr TerminalStyle kFile{};
constexpr TerminalStyle kTerminal{.rewrites_lines = true, .colors = false};
constexpr TerminalStyle kColorTerminal{.rewrites_lines = true, .colors = true};

ProgressState state(Clock clock) { return {.clock = clock, .clocks = 40, .measures = {{"rmse", 0.92341}}}; }

TEST(ProgressTest, WritesALineEveryFewSecondsToAFile) {
  std::ostringstream out;
  Progress progress({.name = "mf", .style = kFile}, out);
  progress.update(0.0, state(1));
  progress.update(4.9, state(2));
  progress.update(5.0, state(3));
  EXPECT_EQ(out.str(),
            "mf: clock 1/40 2%  0.0 s  rmse 0.9234\nmf: clock 3/40 8%  5.0 s, 1 min 32 s left  rmse 0.9234\n");
}

TEST(ProgressTest, RewritesOneLineOnATerminal) {
  std::ostringstream out;
  Progress progress({.name = "mf", .style = kTerminal}, out);
  progress.update(0.0, state(10));
  progress.update(0.05, state(11));
  progress.update(0.1, state(20));
  EXPECT_EQ(out.str(),
            "\r\x1b[Kmf: clock 10/40 [#####...............] 25%  0.0 s  rmse 0.9234"
            "\r\x1b[Kmf: clock 20/40 [##########..........] 50%  0.1 s, 0.2 s left  rmse 0.9234");
}

TEST(ProgressTest, EndsWithTheLastStateOnALineOfItsOwn) {
  std::ostringstream file;
  std::ostringstream terminal;
  Progress to_file({.name = "mf", .style = kFile}, file);
  Progress to_terminal({.name = "mf", .style = kTerminal}, terminal);
  for (Progress* progress : {&to_file, &to_terminal}) {
    progress->update(1.0, state(39));
    progress->finish(1.01, state(40));
  }
  EXPECT_THAT(file.str(), testing::EndsWith("\nmf: clock 40/40 100%  1.0 s  rmse 0.9234\n"));
  EXPECT_THAT(terminal.str(), testing::EndsWith("100%  1.0 s  rmse 0.9234\n"));
}

TEST(ProgressTest, EndsWithoutALineThatWouldRepeatTheLastOne) {
  std::ostringstream file;
  std::ostringstream terminal;
  Progress to_file({.name = "mf", .style = kFile}, file);
  Progress to_terminal({.name = "mf", .style = kTerminal}, terminal);
  for (Progress* progress : {&to_file, &to_terminal}) {
    progress->update(1.0, state(40));
    progress->finish(1.2, state(40));
  }
  EXPECT_EQ(file.str(), "mf: clock 40/40 100%  1.0 s  rmse 0.9234\n");
  EXPECT_THAT(terminal.str(),
              testing::EndsWith("\r\x1b[Kmf: clock 40/40 [####################] 100%  1.2 s  rmse 0.9234\n"));
}

TEST(ProgressTest, ClearsTheLineOfATerminalForOtherMessages) {
  std::ostringstream out;
  Progress progress({.name = "mf", .style = kTerminal}, out);
  progress.clear();
  EXPECT_EQ(out.str(), "");
  progress.update(0, state(1));
  progress.clear();
  EXPECT_THAT(out.str(), testing::EndsWith("\r\x1b[K"));
}

TEST(ProgressTest, ColorsOnlyWhereColorsAreLiked) {
  std::ostringstream plain;
  std::ostringstream colored;
  Progress({.name = "mf", .style = kTerminal}, plain).update(0, state(1));
  Progress({.name = "mf", .style = kColorTerminal}, colored).update(0, state(1));
  EXPECT_THAT(plain.str(), Not(HasSubstr("\x1b[32m")));
  EXPECT_THAT(colored.str(), HasSubstr("\x1b[32mmf\x1b[0m: clock 1"));
}

TEST(ProgressTest, CutsALineThatWouldWrap) {
  const auto shown_in = [](int columns) {
    std::ostringstream out;
    Progress({.name = "mf", .style = {.rewrites_lines = true, .columns = columns}}, out).update(0, state(20));
    return out.str();
  };
  EXPECT_EQ(shown_in(70), "\r\x1b[Kmf: clock 20/40 [##########..........] 50%  0.0 s  rmse 0.9234");
  EXPECT_EQ(shown_in(50), "\r\x1b[Kmf: clock 20/40 50%  0.0 s  rmse 0.9234");
  EXPECT_EQ(shown_in(10), "\r\x1b[Kmf: clock ");
}

TEST(ProgressTest, ShowsNoShareWhereTheEndIsNotKnown) {
  std::ostringstream out;
  Progress({.name = "mf", .style = kFile}, out).update(0, {.clock = 7});
  EXPECT_EQ(out.str(), "mf: clock 7  0.0 s\n");
}

TEST(ProgressTest, GivesNoSignToWhatIsNotANumber) {
  std::ostringstream out;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const ProgressState state{.clock = 7, .measures = {{"loss", std::copysign(nan, -1.0)}, {"rmse", -infinity}}};
  Progress({.name = "mf", .style = kFile}, out).update(0, state);
  EXPECT_EQ(out.str(), "mf: clock 7  0.0 s  loss nan  rmse -inf\n");
}

TEST(ProgressTest, ReckonsTheTimeLeftFromWhereTheRunBegan) {
  std::ostringstream out;
  Progress progress({.name = "mf", .style = kFile}, out);
  progress.update(2.0, {.clock = 900, .clocks = 1000});
  progress.update(12.0, {.clock = 920, .clocks = 1000});
  EXPECT_THAT(out.str(), testing::EndsWith("mf: clock 920/1000 92%  12.0 s, 40.0 s left\n"));
}

TEST(DurationTextTest, ChoosesTheUnitByLength) {
  EXPECT_EQ(duration_text(3.21), "3.2 s");
  EXPECT_EQ(duration_text(245.9), "4 min 05 s");
  EXPECT_EQ(duration_text(7380), "2 h 03 min");
}

}  // namespace
}  // namespace bosen::monitor
