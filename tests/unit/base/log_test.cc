#include "bosen/base/log.h"

#include <gtest/gtest.h>

#include <sstream>

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

}  // namespace
}  // namespace bosen
