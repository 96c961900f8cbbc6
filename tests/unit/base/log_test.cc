#include "bosen/base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <string>

namespace bosen {
namespace {

TEST(LogTest, BeginsEveryLineWithTheName) {
  std::ostringstream out;
  Log log("mlr", out);
  log.info("reading data");
  log.warning("no test set");
  log.error("gone");
  EXPECT_EQ(out.str(), "mlr: reading data\nmlr: warning: no test set\nmlr: error: gone\n");
}

TEST(LogTest, TakesBracesLiterally) {
  std::ostringstream out;
  Log("mf", out).info("a {} b");
  EXPECT_EQ(out.str(), "mf: a {} b\n");
}

TEST(LogTest, DropsALineForWhichItWouldHaveToWait) {
  int pipe[2] = {};
  ASSERT_EQ(::pipe(pipe), 0);
  EXPECT_TRUE(try_write_line(pipe[1], "first"));
  std::array<char, 64> text{};
  EXPECT_EQ(::read(pipe[0], text.data(), text.size()), 6);
  EXPECT_STREQ(text.data(), "first\n");
  const std::string long_line(100'000, 'x');
  int written = 0;
  while (try_write_line(pipe[1], long_line)) ++written;
  EXPECT_GT(written, 0);
  EXPECT_EQ(::read(pipe[0], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_FALSE(try_write_line(pipe[1], "nobody reads enough"));
  ::close(pipe[0]);
  EXPECT_FALSE(try_write_line(pipe[1], "nobody is there"));
  ::close(pipe[1]);
}

}  // namespace
}  // namespace bosen
