#include "bosen/core/client_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/core_cluster.h"

namespace bosen::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<ProcessShape> kTwoClients{{.workers = 1, .shards = 1}, {.workers = 1, .shards = 2}};

void create(CoreCluster& cluster, Rank rank, const wire::TableSpec& spec) {
  cluster.cluster().process(rank).with_client(
      [&](core::ClientCore& client, core::Outbox& outbox) { client.create_table(spec, 0, outbox); });
}

TEST(ClientCore, ATableIsUsableWhenEveryProcessHasMadeIt) {
  CoreCluster cluster(kTwoClients);
  create(cluster, 0, dense_table(Consistency::kBsp, 0));
  cluster.deliver_all();
  EXPECT_FALSE(cluster.client(0).table_creation(0).done());
  create(cluster, 1, dense_table(Consistency::kBsp, 0));
  cluster.deliver_all();
  for (const Rank rank : {0, 1}) {
    EXPECT_TRUE(cluster.client(rank).table_creation(0).done());
    EXPECT_EQ(cluster.client(rank).table_creation(0).problem, "");
  }
}

TEST(ClientCore, EveryProcessHearsWhatIsWrongWithATableThatWasMadeDifferently) {
  wire::TableSpec other = dense_table(Consistency::kBsp, 0);
  other.shape.width = 3;
  CoreCluster cluster(kTwoClients);
  create(cluster, 0, dense_table(Consistency::kBsp, 0));
  create(cluster, 1, other);
  cluster.deliver_all();
  for (const Rank rank : {0, 1}) {
    EXPECT_TRUE(cluster.client(rank).table_creation(0).done());
    EXPECT_THAT(cluster.client(rank).table_creation(0).problem,
                AllOf(HasSubstr("rank"), HasSubstr("'table'"), HasSubstr("with width 2"), HasSubstr("with width 3"),
                      HasSubstr("same options")));
  }
}

TEST(ClientCore, ATableThatNeedsAnUnknownUpdaterIsAProblemForAll) {
  wire::TableSpec spec = dense_table(Consistency::kBsp, 0);
  spec.updater.name = "adma";
  CoreCluster cluster(kTwoClients);
  create(cluster, 0, spec);
  create(cluster, 1, spec);
  cluster.deliver_all();
  for (const Rank rank : {0, 1}) {
    EXPECT_THAT(cluster.client(rank).table_creation(0).problem, HasSubstr("unknown updater 'adma'"));
  }
}

TEST(ClientCore, ChannelsMustBeMadeAlikeToo) {
  CoreCluster cluster(kTwoClients);
  for (const Rank rank : {0, 1}) {
    cluster.cluster().process(rank).with_client([&](core::ClientCore& client, core::Outbox& outbox) {
      client.create_channel("a", {.capacity = 4}, outbox);
      client.create_channel("b", {.capacity = 4 + rank}, outbox);
    });
  }
  cluster.deliver_all();
  for (const Rank rank : {0, 1}) {
    EXPECT_TRUE(cluster.client(rank).channel_creation(0).done());
    EXPECT_EQ(cluster.client(rank).channel_creation(0).problem, "");
    EXPECT_THAT(cluster.client(rank).channel_creation(1).problem, HasSubstr("'b' with capacity"));
  }
}

TEST(ClientCore, ABarrierEndsWhenEveryProcessIsThereAndAllShardsHaveSaidSo) {
  CoreCluster cluster(kTwoClients);
  cluster.arrive_at_barrier(0);
  cluster.deliver_all();
  EXPECT_EQ(cluster.client(0).barriers_passed(), 0U);
  cluster.arrive_at_barrier(1);
  cluster.deliver(1, 0);  // to the shard there, which releases; its message to process 1 is under way
  EXPECT_EQ(cluster.client(0).barriers_passed(), 0U) << "the shards of process 1 have not heard of it";
  cluster.deliver_all();
  EXPECT_EQ(cluster.client(0).barriers_passed(), 1U);
  EXPECT_EQ(cluster.client(1).barriers_passed(), 1U);
}

TEST(ClientCore, AfterABarrierEverythingAdvancedBeforeShows) {
  for (const Consistency consistency : {Consistency::kSsp, Consistency::kEssp, Consistency::kAsp}) {
    CoreCluster cluster(kTwoClients);
    const TableId table = cluster.create_table(dense_table(consistency, 100));
    for (RowId row = 0; row < 6; ++row) cluster.get(0, table, row);
    for (RowId row = 0; row < 6; ++row) cluster.inc(1, table, row, 1, 5);
    cluster.inc(0, table, 1, 0, 3);  // not advanced: shows only to worker 0
    cluster.advance(1, table);
    for (const Rank rank : {0, 1}) cluster.arrive_at_barrier(rank);
    cluster.deliver_all();
    for (RowId row = 0; row < 6; ++row) {
      EXPECT_EQ(cluster.get(0, table, row), (std::vector<std::int64_t>{row == 1 ? 3 : 0, 5}));
    }
  }
}

template <class M>
M about(TableId table) {
  M message;
  message.table = table;
  return message;
}

TEST(ClientCore, RejectsWhatNoShardWouldSay) {
  CoreCluster cluster(kTwoClients);
  const TableId table = cluster.create_table(dense_table(Consistency::kBsp, 0));
  core::ClientCore& client = cluster.client(0);
  core::Outbox outbox(wire::NodeId::client(0));
  const auto step = [&](wire::NodeId from, wire::Message message) {
    client.step({from, wire::NodeId::client(0), std::move(message)}, outbox);
  };
  step(wire::NodeId::shard(0), wire::TableCreated{table, "again"});
  step(wire::NodeId::shard(0), wire::TableCreated{table + 1, ""});
  step(wire::NodeId::shard(0), wire::ChannelCreated{0, ""});
  step(wire::NodeId::client(1), about<wire::Rows>(table));
  step(wire::NodeId::shard(0), about<wire::Rows>(table + 1));
  step(wire::NodeId::shard(0), about<wire::Update>(table));
  step(wire::NodeId::shard(0), wire::BarrierArrive{1});
  EXPECT_EQ(client.rejected(), 7U);
  step(wire::NodeId::shard(0), wire::BarrierRelease{5});
  EXPECT_EQ(client.barriers_passed(), 0U);
  EXPECT_EQ(client.table_creation(table).problem, "");
}

}  // namespace
}  // namespace bosen::testing
