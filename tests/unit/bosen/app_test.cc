#include "bosen/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bosen/app_internal.h"
#include "bosen/base/error.h"

namespace bosen {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string usage_error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(exit_code(error.kind()), 2);
    return error.what();
  }
  return "no error";
}

TEST(StragglerTest, ReadsWorkersAndFactors) {
  EXPECT_EQ(internal::parse_stragglers("0:2.5,3:1"), (std::map<WorkerId, double>{{0, 2.5}, {3, 1}}));
}

TEST(StragglerTest, RefusesWhatItCannotRead) {
  for (const char* text : {"", "0", "0:", ":2", "0:2,", "a:2", "0:b", "0:2:3", "0 :2"}) {
    EXPECT_THAT(usage_error_of([&] { internal::parse_stragglers(text); }), HasSubstr("WORKER:FACTOR")) << text;
  }
}

TEST(StragglerTest, RefusesImpossibleWorkersAndFactors) {
  EXPECT_THAT(usage_error_of([] { internal::parse_stragglers("-1:2"); }), HasSubstr("numbered from 0"));
  EXPECT_THAT(usage_error_of([] { internal::parse_stragglers("0:0.5"); }), HasSubstr("factor must be from 1"));
  EXPECT_THAT(usage_error_of([] { internal::parse_stragglers("0:nan"); }), HasSubstr("factor must be from 1"));
  EXPECT_THAT(usage_error_of([] { internal::parse_stragglers("0:2,0:3"); }), HasSubstr("given twice"));
}

TEST(PlaceTest, LetsTheLauncherDecideHowManyProcessesServe) {
  Options options;
  options.servers = 3;
  launch::Placement placement;
  placement.source = "bosen run";
  placement.size = 4;
  placement.servers = 1;
  EXPECT_EQ(internal::place(placement, options, false).servers, 1);
  EXPECT_EQ(options.servers, 1);
}

TEST(PlaceTest, TakesTheFlagWhereNoLauncherOfOursDecides) {
  Options options;
  options.servers = 2;
  launch::Placement placement;
  placement.source = "Slurm";
  placement.size = 4;
  EXPECT_EQ(internal::place(placement, options, false).servers, 2);
}

TEST(PlaceTest, RefusesServersThatLeaveNoWorkers) {
  Options options;
  options.servers = 1;
  EXPECT_THAT(usage_error_of([&] { internal::place({}, options, false); }), HasSubstr("bosen run -n 2 --servers 1"));
}

TEST(PlaceTest, PrefersTheFlagsTimeLimitWhenGiven) {
  launch::Placement placement;
  placement.timeout_s = 30;
  Options options;
  options.timeout_s = 5;
  EXPECT_EQ(internal::place(placement, options, true).timeout_s, 5);
  EXPECT_EQ(internal::place(placement, options, false).timeout_s, 30);
  EXPECT_EQ(options.timeout_s, 30);
}

TEST(PlaceTest, RefusesAStragglerThatDoesNotExist) {
  Options options;
  options.workers = 2;
  options.stragglers = {{2, 3.0}};
  EXPECT_THAT(usage_error_of([&] { internal::place({}, options, false); }), HasSubstr("the workers are 0 to 1"));
}

TEST(OutputTest, MakesTheFolderAndLeavesItEmpty) {
  const std::string folder = testing::TempDir() + "app_test_output_" + std::to_string(::getpid());
  internal::prepare_output(folder + "/deep");
  EXPECT_TRUE(std::filesystem::is_empty(folder + "/deep"));
  std::filesystem::remove_all(folder);
}

TEST(OutputTest, RefusesAFolderThatCannotBeWritten) {
  EXPECT_THAT(usage_error_of([] { internal::prepare_output("/proc/bosen"); }),
              StartsWith("cannot write to output folder '/proc/bosen'"));
  const std::string file = testing::TempDir() + "app_test_file_" + std::to_string(::getpid());
  std::ofstream(file) << "x";
  EXPECT_THAT(usage_error_of([&] { internal::prepare_output(file); }), StartsWith("cannot write to output folder"));
  std::filesystem::remove(file);
}

TEST(OneLineTest, ReplacesWhatWouldBreakTheLine) {
  EXPECT_EQ(internal::one_line("a\nb\x1b[31m"), "a b [31m");
  EXPECT_EQ(internal::one_line("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

/// Runs a program with an option of its own and returns its exit code and what it wrote to stderr.
class AppTest : public ::testing::Test {
 protected:
  int run(const std::vector<std::string>& flags) {
    App app("program", "Does things");
    app.option("depth", &depth_, "how deep", {.minimum = 1, .maximum = 9});
    app.check([this](const Options&) {
      if (depth_ == 7) throw Error(ErrorKind::kUsage, "--depth 7 is unlucky");
    });
    std::vector<const char*> argv{"program"};
    for (const std::string& flag : flags) argv.push_back(flag.c_str());
    testing::internal::CaptureStderr();
    const int code = app.run(static_cast<int>(argv.size()), argv.data(), [this](Cluster&) { ran_ = true; });
    stderr_ = testing::internal::GetCapturedStderr();
    return code;
  }

  int depth_ = 3;
  bool ran_ = false;
  std::string stderr_;
};

TEST_F(AppTest, TurnsAWrongFlagIntoOneLineAndExitCodeTwo) {
  EXPECT_EQ(run({"--detph", "3"}), 2);
  EXPECT_EQ(stderr_, "program: unknown flag '--detph'; did you mean '--depth'?\n");
  EXPECT_FALSE(ran_);
}

TEST_F(AppTest, ChecksFlagsBeforeAnythingStarts) {
  EXPECT_EQ(run({"--depth", "7"}), 2);
  EXPECT_EQ(stderr_, "program: --depth 7 is unlucky\n");
  EXPECT_FALSE(ran_);
}

TEST_F(AppTest, FindsItsStalenessWhereAModelHasOne) {
  EXPECT_EQ(run({"--staleness", "auto"}), 0);
  EXPECT_TRUE(ran_);
  ran_ = false;
  EXPECT_EQ(run({"--staleness", "auto", "--consistency", "bsp"}), 2);
  EXPECT_EQ(stderr_, "program: --staleness auto: bsp has no staleness; use --consistency ssp or essp\n");
  for (const char* text : {"-1", "2.5", "many", "", "1e3"}) {
    EXPECT_EQ(run({"--staleness", text}), 2) << text;
    EXPECT_THAT(stderr_, HasSubstr("must be a whole number from 0")) << text;
  }
  EXPECT_FALSE(ran_);
}

TEST_F(AppTest, RefusesAnAddressThatIsNone) {
  EXPECT_EQ(run({"--monitor", "here:there"}), 2);
  EXPECT_THAT(stderr_, HasSubstr("'here:there' is not PORT, HOST or HOST:PORT"));
  EXPECT_FALSE(ran_);
}

TEST_F(AppTest, RefusesAnUnwritableOutputBeforeAnythingStarts) {
  EXPECT_EQ(run({"--output", "/proc/bosen"}), 2);
  EXPECT_THAT(stderr_, StartsWith("program: cannot write to output folder '/proc/bosen'"));
  EXPECT_FALSE(ran_);
}

TEST_F(AppTest, HasNoFlagsOfCheckpointsWhereTheAppMakesNone) {
  for (const char* flag : {"--checkpoint-every", "--resume"}) {
    EXPECT_EQ(run({flag, "x"}), 2);
    EXPECT_THAT(stderr_, HasSubstr("unknown flag"));
  }
}

}  // namespace
}  // namespace bosen
