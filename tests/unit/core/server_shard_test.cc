#include "bosen/core/server_shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/core_cluster.h"

namespace bosen::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

constexpr RowId kRow = 7;
constexpr Rank kServer = 2;
const std::vector<ProcessShape> kTwoClientsOneServer{
    {.workers = 1, .shards = 0}, {.workers = 1, .shards = 0}, {.workers = 0, .shards = 1}};

TEST(ServerShard, AnswersAReadOnlyWhenItsClockAllows) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 0));
  cluster.advance(0, table);
  cluster.request(0, table, {{kRow}});
  cluster.deliver_all();
  EXPECT_EQ(cluster.cluster().shard(0).parked(), 1U);
  EXPECT_EQ(cluster.read(0, table, kRow), std::nullopt);
  cluster.inc(1, table, kRow, 1, 3);
  cluster.advance(1, table);
  cluster.deliver_all();
  EXPECT_EQ(cluster.cluster().shard(0).parked(), 0U);
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(0, 3)));
}

TEST(ServerShard, BspShowsTheLastUpdatesOfAWorkerThatHasFinished) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kBsp, 0));
  cluster.inc(0, table, kRow, 0, 5);
  cluster.finish(0, table);
  cluster.deliver_all();
  EXPECT_THAT(cluster.get(1, table, kRow), ElementsAre(0, 0));  // worker 0 ended in clock 0, which is not over
  cluster.advance(1, table);
  EXPECT_THAT(cluster.get(1, table, kRow), ElementsAre(5, 0));
}

TEST(ServerShard, RejectsUpdatesOfAWorkerThatHasFinished) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 0));
  cluster.finish(0, table);
  cluster.finish(0, table);
  cluster.deliver_all();
  EXPECT_EQ(cluster.cluster().shard(0).rejected(), 1U);
}

}  // namespace
}  // namespace bosen::testing
