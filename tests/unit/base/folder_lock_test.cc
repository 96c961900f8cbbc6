#include "bosen/base/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>

#include "bosen/base/error.h"
#include "tests/support/error_message.h"

namespace bosen {
namespace {

class FolderLockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "bosen-lock-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static void expect_free(const std::string& folder) {
    EXPECT_NO_THROW(FolderLock(folder).expect_no_other("go elsewhere"));
  }

  std::string folder_;
};

TEST_F(FolderLockTest, HoldsOthersOffWhileItLives) {
  std::optional<FolderLock> lock(folder_);
  EXPECT_NO_THROW(lock->expect_no_other("go elsewhere"));

  const FolderLock second(folder_);
  const std::string said = error_message([&] { second.expect_no_other("go elsewhere"); });
  EXPECT_TRUE(said.starts_with("another job writes to '" + folder_ + "' (process " + std::to_string(::getpid())))
      << said;
  EXPECT_TRUE(said.ends_with("): wait for its end, or go elsewhere")) << said;

  lock.reset();
  expect_free(folder_);
}

TEST_F(FolderLockTest, EndsWithItsProcess) {
  std::array<int, 2> held{};
  ASSERT_EQ(::pipe(held.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const FolderLock lock(folder_);
    static_cast<void>(::write(held[1], "x", 1) == 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(held[0], &byte, 1), 1);
  ::close(held[0]);
  ::close(held[1]);
  EXPECT_THROW(FolderLock(folder_).expect_no_other("go elsewhere"), Error);

  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  expect_free(folder_);
}

TEST_F(FolderLockTest, HoldsNobodyOffWhereItCannotBe) { expect_free(folder_ + "/nowhere"); }

}  // namespace
}  // namespace bosen
