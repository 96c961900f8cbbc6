#include "bosen/launch/node_list.h"

#include <gtest/gtest.h>

#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

using Nodes = std::vector<std::string>;

TEST(NodeListTest, KeepsPlainNames) { EXPECT_EQ(expand_node_list("login,gnode7"), (Nodes{"login", "gnode7"})); }

TEST(NodeListTest, ExpandsRangesAndSingleNumbers) {
  EXPECT_EQ(expand_node_list("gnode[10,20-23]"), (Nodes{"gnode10", "gnode20", "gnode21", "gnode22", "gnode23"}));
}

TEST(NodeListTest, KeepsZeroPadding) {
  EXPECT_EQ(expand_node_list("n[008-011]"), (Nodes{"n008", "n009", "n010", "n011"}));
  EXPECT_EQ(expand_node_list("n[01,9]"), (Nodes{"n01", "n9"}));
}

TEST(NodeListTest, ExpandsSeveralEntriesInOrder) {
  EXPECT_EQ(expand_node_list("b[2-3]x,a,c[1]"), (Nodes{"b2x", "b3x", "a", "c1"}));
}

TEST(NodeListTest, MultipliesSeveralBrackets) {
  EXPECT_EQ(expand_node_list("r[1-2]n[5-6]"), (Nodes{"r1n5", "r1n6", "r2n5", "r2n6"}));
}

TEST(NodeListTest, RefusesMalformedLists) {
  for (const char* list : {"", "n[1-2", "n1-2]", "n[[1]]", "n[]", "n[1-]", "n[a-b]", "n[3-1]", "n[1,,2]", "a,,b",
                           "n[0-99999999]", "n[0-999]m[0-999]", "n;rm", "-oProxyCommand", "n[4294967295-4294967296]"}) {
    EXPECT_THROW(expand_node_list(list), Error) << list;
  }
}

TEST(NodeListTest, ExpandsCounts) {
  EXPECT_EQ(expand_counts("2(x3),1"), (std::vector<int>{2, 2, 2, 1}));
  EXPECT_EQ(expand_counts("4"), (std::vector<int>{4}));
}

TEST(NodeListTest, RefusesMalformedCounts) {
  for (const char* list : {"", "x", "2(x", "2(x3", "2(x0)", "-1", "2(x99999999)", "1,,2"}) {
    EXPECT_THROW(expand_counts(list), Error) << list;
  }
}

TEST(NodeListTest, EndsAtTheLargestNumber) {
  EXPECT_EQ(expand_node_list("n[4294967294-4294967295]"), (std::vector<std::string>{"n4294967294", "n4294967295"}));
}

}  // namespace
}  // namespace bosen::launch
