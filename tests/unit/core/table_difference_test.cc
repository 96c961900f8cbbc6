#include "bosen/core/table_difference.h"

#include <gtest/gtest.h>

namespace bosen::core {
namespace {

wire::TableSpec table() {
  wire::TableSpec spec;
  spec.name = "weights";
  spec.shape = {RowKind::kDense, ElementType::kFloat, 10};
  spec.staleness = 4;
  return spec;
}

/// "OURS/THEIRS" where `change` changes ours.
template <class Change>
std::string changed(const Change& change) {
  wire::TableSpec ours = table();
  change(ours);
  const TableDifference found = difference(ours, table());
  return found.ours + "/" + found.theirs;
}

TEST(TableDifferenceTest, NamesTheFirstOptionThatDiffersWithBothValues) {
  EXPECT_EQ(changed([](auto&) {}), "/");
  EXPECT_EQ(changed([](auto& spec) { spec.name = "bias"; }), "the name 'bias'/the name 'weights'");
  EXPECT_EQ(changed([](auto& spec) { spec.shape.element = ElementType::kInt64; }),
            "dense rows of int64/dense rows of float");
  EXPECT_EQ(changed([](auto& spec) {
              spec.shape = {RowKind::kSparse, ElementType::kFloat, 0};
            }),
            "sparse rows of float/dense rows of float");
  EXPECT_EQ(changed([](auto& spec) { spec.shape.width = 20; }), "width 20/width 10");
  EXPECT_EQ(changed([](auto& spec) { spec.consistency = Consistency::kBsp; }), "consistency bsp/consistency essp");
  EXPECT_EQ(changed([](auto& spec) { spec.staleness = 5; }), "staleness 5/staleness 4");
  EXPECT_EQ(changed([](auto& spec) { spec.updater.name = "sgd"; }), "updater sgd/updater add");
  EXPECT_EQ(changed([](auto& spec) { spec.priority = 1; }), "priority 1/priority 0");
  EXPECT_EQ(changed([](auto& spec) {
              spec.priority = 5;
              spec.staleness = 5;
            }),
            "staleness 5/staleness 4");
}

TEST(TableDifferenceTest, ShowsHyperParametersThatDifferInTheirLastDigit) {
  EXPECT_EQ(changed([](auto& spec) { spec.updater.learning_rate = 0.010000000000000002; }),
            "learning_rate 0.010000000000000002/learning_rate 0.01");
  EXPECT_EQ(changed([](auto& spec) { spec.updater.momentum = 0.5; }), "momentum 0.5/momentum 0");
  EXPECT_EQ(changed([](auto& spec) { spec.updater.decay2 = 0.5; }),
            "decay1 0.9 and decay2 0.5/decay1 0.9 and decay2 0.999");
  EXPECT_EQ(changed([](auto& spec) { spec.updater.epsilon = 1; }), "epsilon 1/epsilon 1e-08");
}

}  // namespace
}  // namespace bosen::core
