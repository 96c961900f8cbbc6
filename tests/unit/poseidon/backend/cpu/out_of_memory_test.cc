#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "poseidon/backend/cpu/cpu_backend.h"
#include "tests/support/error_message.h"

namespace poseidon {
namespace {

TEST(CpuBackendTest, RefusesAnOperationWhoseMemoryIsNotThere) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end the process where they get no memory";
#endif
  CpuBackend backend(/*threads=*/1);
  const Window window{.kernel_height = 2, .kernel_width = 2};
  const TensorDescription vast = TensorDescription::row_major({1 << 20, 1 << 10, 1 << 10, 1 << 8});
  const std::string error = error_message([&] { static_cast<void>(backend.pooling({.window = window}, vast)); });
  EXPECT_THAT(error, testing::StartsWith("out of memory"));
  EXPECT_THAT(error, testing::EndsWith("take a smaller batch"));
}

}  // namespace
}  // namespace poseidon
