#include "bosen/base/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/base/version.h"

namespace bosen {
namespace {

using testing::HasSubstr;

struct Outcome {
  int code = 0;
  std::string out, err;
};

int fails(int /*argc*/, const char* const* argv) {
  const std::string how = argv[1];
  if (how == "memory") throw std::bad_alloc();
  if (how == "library") throw std::runtime_error("a library's words");
  throw Error(ErrorKind::kConfiguration, "first line\nsecond line");
}

int reads_flags(int argc, const char* const* argv) {
  int workers = 1;
  OptionReader reader("prog work", "Works");
  reader.add("Work", {"workers", &workers, "how many"});
  return read_flags(reader, argc, argv) ? workers : 0;
}

Outcome run(std::vector<const char*> words) {
  words.insert(words.begin(), "prog");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = run_program({.name = "prog",
                              .description = "Does things.",
                              .commands = {{"fail", "fails", fails}, {"work", "works", reads_flags}},
                              .footer = "See elsewhere.",
                              .build = "without wings"},
                             static_cast<int>(words.size()), words.data());
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(CommandsTest, CarriesOutTheCommandThatIsNamed) {
  EXPECT_EQ(run({"work", "--workers", "7"}).code, 7);
  const Outcome help = run({"work", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("--workers N=1"));
  EXPECT_EQ(run({"work", "--version"}).out, std::string("prog work (bosen ") + kVersion + ")\n");
}

TEST(CommandsTest, ListsItsCommands) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Usage: prog COMMAND [FLAGS]"));
  EXPECT_THAT(help.out, HasSubstr("\n  fail  fails\n  work  works\n"));
  EXPECT_THAT(help.out, HasSubstr("See elsewhere."));
  EXPECT_EQ(run({"--version"}).out, std::string("prog ") + kVersion + ", without wings\n");
}

TEST(CommandsTest, SaysWhichCommandsThereAre) {
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({}).err, "prog: needs a command; see prog --help\n");
  EXPECT_EQ(run({"wrok"}).err, "prog: there is no command 'wrok'; did you mean 'work'?\n");
  EXPECT_EQ(run({"sing"}).err, "prog: there is no command 'sing': use one of fail, work\n");
  EXPECT_EQ(run({"sing"}).code, 2);
}

TEST(CommandsTest, PutsTheCommandsNameBeforeEveryLineOfAnError) {
  const Outcome error = run({"fail", "plain"});
  EXPECT_EQ(error.code, exit_code(ErrorKind::kConfiguration));
  EXPECT_EQ(error.err, "prog fail: first line\nprog fail: second line\n");
  EXPECT_EQ(run({"fail", "library"}).err, "prog fail: a library's words\n");
  EXPECT_THAT(run({"fail", "memory"}).err, HasSubstr("out of memory"));
  EXPECT_EQ(run({"work", "--wrokers", "1"}).err, "prog work: unknown flag '--wrokers'; did you mean '--workers'?\n");
}

}  // namespace
}  // namespace bosen
