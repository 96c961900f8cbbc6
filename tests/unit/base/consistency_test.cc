#include "bosen/base/consistency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bosen/base/error.h"

namespace bosen {
namespace {

TEST(ConsistencyTest, ReadsBackEveryNameItPrints) {
  for (const Consistency model : {Consistency::kBsp, Consistency::kSsp, Consistency::kEssp, Consistency::kAsp}) {
    EXPECT_EQ(parse_consistency(to_string(model)), model);
  }
}

TEST(ConsistencyTest, RefusesOtherNamesAndListsTheModels) {
  for (const char* name : {"", "BSP", "bsp ", "ssp+"}) {
    try {
      parse_consistency(name);
      ADD_FAILURE() << "'" << name << "' was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), testing::HasSubstr("bsp, ssp, essp, asp"));
    }
  }
}

}  // namespace
}  // namespace bosen
