#include "bosen/base/error.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace bosen {
namespace {

TEST(ErrorTest, LeavesWithTwoWhereTheUserCanMendTheInput) {
  for (const ErrorKind kind :
       {ErrorKind::kUsage, ErrorKind::kConfiguration, ErrorKind::kData, ErrorKind::kNetwork, ErrorKind::kStorage}) {
    EXPECT_EQ(exit_code(kind), 2);
  }
}

TEST(ErrorTest, LeavesWithItsOwnCodeAfterATimeOut) { EXPECT_EQ(exit_code(ErrorKind::kTimeout), 110); }

TEST(ErrorTest, LeavesWithOneWhereOthersFailed) {
  EXPECT_EQ(exit_code(ErrorKind::kPeerLost), 1);
  EXPECT_EQ(exit_code(ErrorKind::kDevice), 1);
}

TEST(ErrorTest, KeepsKindAndMessage) {
  const Error error(ErrorKind::kData, "x.txt:3: not a number");
  EXPECT_EQ(error.kind(), ErrorKind::kData);
  EXPECT_STREQ(error.what(), "x.txt:3: not a number");
}

TEST(ErrorTest, OtherExceptionsLeaveWithOne) {
  EXPECT_EQ(as_error(Error(ErrorKind::kData, "x.txt:3: not a number")).kind(), ErrorKind::kData);
  const Error error = as_error(std::runtime_error("out of luck"));
  EXPECT_EQ(exit_code(error.kind()), 1);
  EXPECT_STREQ(error.what(), "out of luck");
}

TEST(ErrorTest, SaysWhatToDoWhereMemoryIsOut) {
  const Error error = as_error(std::bad_alloc());
  EXPECT_EQ(exit_code(error.kind()), 1);
  EXPECT_STREQ(error.what(), "out of memory: use less data, or fewer workers in a process");
}

}  // namespace
}  // namespace bosen
