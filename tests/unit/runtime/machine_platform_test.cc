#include "bosen/runtime/machine_platform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>

#include "bosen/base/error.h"
#include "tests/support/error_message.h"

namespace bosen::runtime {
namespace {

/// As long as it lives, this process gets only so many bytes more.
class LittleMemory {
 public:
  explicit LittleMemory(std::size_t bytes) {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    ::getrlimit(RLIMIT_AS, &before_);
    rlimit now = before_;
    now.rlim_cur = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes;
    ::setrlimit(RLIMIT_AS, &now);
  }
  ~LittleMemory() { ::setrlimit(RLIMIT_AS, &before_); }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;

 private:
  rlimit before_{};
};

/// As long as it lives, new threads take so much that stacks of earlier ones, which the C library keeps, do not do.
class LargeStacks {
 public:
  LargeStacks() {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t large = before_;
    ::pthread_attr_setstacksize(&large, std::size_t{1} << 30);
    ::pthread_setattr_default_np(&large);
  }
  ~LargeStacks() {
    ::pthread_setattr_default_np(&before_);
    ::pthread_attr_destroy(&before_);
  }
  LargeStacks(const LargeStacks&) = delete;
  LargeStacks& operator=(const LargeStacks&) = delete;

 private:
  pthread_attr_t before_{};
};

TEST(MachinePlatformTest, BeginsNothingWhereAThreadCannotBeStarted) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the process where they get no memory";
#endif
  MachinePlatform platform;
  std::atomic<int> begun = 0;
  std::string error;
  {
    const LittleMemory little(std::size_t{64} << 20);  // a thread takes 8 MiB
    error = error_message([&] { platform.run_side_by_side(250, [&](int) { ++begun; }); });
  }
  EXPECT_THAT(error, ::testing::MatchesRegex("cannot start worker thread [0-9]+ of 250: .*; use fewer workers.*"));
  EXPECT_EQ(begun, 0);
}

TEST(MachinePlatformTest, ExpectsTheEndWhereAThreadCannotBeStarted) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the process where they get no memory";
#endif
  MachinePlatform platform;
  {
    const LargeStacks stacks;
    const LittleMemory little(std::size_t{1} << 20);
    EXPECT_NO_THROW(platform.expect_end(Error(ErrorKind::kData, "out of memory")));
  }
  platform.rest(std::numeric_limits<std::int32_t>::max() * core::TimeNs{1'000'000'000});  // returns at once
}

}  // namespace
}  // namespace bosen::runtime
