#include "bosen/core/server_shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <stdexcept>

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

/// The rows that the next message from the server to `client` brings, with its push flags.
struct Brought {
  std::vector<RowId> rows;
  Clock clock;
  bool is_push;
  bool completes_push;
};

std::vector<Brought> brought(CoreCluster& cluster, Rank client) {
  std::vector<Brought> result;
  for (const wire::Envelope& envelope : cluster.carrier().queue(kServer, client)) {
    const auto* rows = std::get_if<wire::Rows>(&envelope.message);
    if (rows == nullptr) continue;
    result.push_back({{}, rows->clock, rows->is_push, rows->completes_push});
    if (!rows->block) continue;
    const wire::RowBlockView view(dense_table(Consistency::kBsp, 0).shape, *rows->block);
    for (std::size_t i = 0; i < view.size(); ++i) result.back().rows.push_back(view.id(i));
  }
  return result;
}

void deliver_to_server(CoreCluster& cluster) {
  for (const Rank client : {0, 1}) {
    while (cluster.carrier().under_way(client, kServer) > 0) cluster.deliver(client, kServer);
  }
}

TEST(ServerShard, WhatIsSaidOfATableHasItsPriorityAndABarrierIsAFence) {
  CoreCluster cluster(kTwoClientsOneServer);
  wire::TableSpec spec = dense_table(Consistency::kEssp, 0);
  spec.priority = 5;
  const TableId table = cluster.create_table(spec);
  const auto order = [&](Rank from, Rank to) {
    std::vector<std::string> result;
    for (const wire::Envelope& envelope : cluster.carrier().queue(from, to)) {
      result.push_back(envelope.is_fence ? "fence" : std::to_string(envelope.priority));
    }
    return result;
  };
  for (const Rank client : {0, 1}) {
    cluster.request(client, table, {{kRow}});
    cluster.inc(client, table, kRow, 0, 1);
    cluster.advance(client, table);
    cluster.cluster().process(client).with_client(
        [](core::ClientCore& core, core::Outbox& outbox) { core.arrive_at_barrier(outbox); });
    EXPECT_THAT(order(client, kServer), ElementsAre("5", "5", "fence"));
  }
  deliver_to_server(cluster);
  for (const Rank client : {0, 1}) {
    EXPECT_THAT(order(kServer, client), ElementsAre("5", "5", "fence")) << "an answer, a push, a release";
  }
}

TEST(ServerShard, PushesOnlyRowsThatChangedAndThatTheProcessHasRead) {
  for (const Consistency consistency : {Consistency::kEssp, Consistency::kBsp}) {
    CoreCluster cluster(kTwoClientsOneServer);
    const TableId table = cluster.create_table(dense_table(consistency, 0));
    for (const RowId row : {1, 2, 3}) cluster.get(0, table, row);
    for (const RowId row : {2, 3, 4}) cluster.inc(1, table, row, 1, 1);
    cluster.advance(1, table);
    deliver_to_server(cluster);
    EXPECT_TRUE(brought(cluster, 0).empty()) << "the slowest worker has not advanced";
    cluster.advance(0, table);
    deliver_to_server(cluster);
    const auto pushed = brought(cluster, 0);
    ASSERT_EQ(pushed.size(), 1U);
    EXPECT_THAT(pushed[0].rows, ::testing::UnorderedElementsAre(2, 3));
    EXPECT_EQ(pushed[0].clock, 1);
    EXPECT_TRUE(pushed[0].is_push && pushed[0].completes_push);
    EXPECT_TRUE(brought(cluster, 1).empty()) << "it has read nothing";
  }
}

TEST(ServerShard, APushWithoutRowsTellsThatNothingChanged) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kEssp, 0));
  cluster.get(0, table, kRow);
  for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
  deliver_to_server(cluster);
  const auto pushed = brought(cluster, 0);
  ASSERT_EQ(pushed.size(), 1U);
  EXPECT_TRUE(pushed[0].rows.empty());
  cluster.deliver_all();
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(0, 0)));
}

TEST(ServerShard, PushesARowOnceAgainOnlyWhenItChangesAgain) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kEssp, 0));
  cluster.get(0, table, kRow);
  cluster.inc(1, table, kRow, 1, 1);
  std::vector<std::size_t> rows_pushed;
  for (int clock = 0; clock < 3; ++clock) {
    for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
    deliver_to_server(cluster);
    rows_pushed.push_back(brought(cluster, 0).at(0).rows.size());
    cluster.deliver_all();
    if (clock == 1) cluster.inc(1, table, kRow, 1, 1);
  }
  EXPECT_THAT(rows_pushed, ElementsAre(1U, 0U, 1U));
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(0, 2)));
}

TEST(ServerShard, SspNeverPushesToARemoteProcess) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 0));
  cluster.get(0, table, kRow);
  cluster.inc(1, table, kRow, 1, 1);
  for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
  deliver_to_server(cluster);
  EXPECT_TRUE(brought(cluster, 0).empty());
}

TEST(ServerShard, AspPushesAfterTheProcessItselfHasAdvanced) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kAsp, 0));
  cluster.get(0, table, kRow);
  cluster.inc(1, table, kRow, 1, 1);
  cluster.advance(1, table);
  deliver_to_server(cluster);
  EXPECT_TRUE(brought(cluster, 0).empty());
  cluster.advance(0, table);
  deliver_to_server(cluster);
  EXPECT_THAT(brought(cluster, 0).at(0).rows, ElementsAre(kRow));
}

TEST(ServerShard, WithoutRoomAnAspPushWaitsAndIsOneWhenThereIs) {
  CoreCluster cluster(kTwoClientsOneServer);
  core::ServerShard& shard = cluster.cluster().shard(0);
  const TableId table = cluster.create_table(dense_table(Consistency::kAsp, 0));
  for (const RowId row : {1, 2, 3}) cluster.get(0, table, row);
  core::Outbox outbox(wire::NodeId::shard(0));
  shard.set_room(0, false, outbox);
  for (int clock = 0; clock < 100; ++clock) {
    for (const RowId row : {1, 2}) cluster.inc(1, table, row, 1, 1);
    for (const WorkerId worker : {1, 0}) cluster.advance(worker, table);
    deliver_to_server(cluster);
  }
  for (const Brought& each : brought(cluster, 0)) EXPECT_TRUE(each.rows.empty()) << "only that updates were applied";
  EXPECT_TRUE(shard.holds_back(0));
  EXPECT_FALSE(shard.holds_back(1));
  EXPECT_TRUE(outbox.envelopes().empty());
  shard.set_room(0, true, outbox);
  ASSERT_EQ(outbox.envelopes().size(), 1U);
  const auto& push = std::get<wire::Rows>(outbox.envelopes()[0].message);
  ASSERT_TRUE(push.block);
  EXPECT_EQ(wire::RowBlockView(dense_table(Consistency::kAsp, 0).shape, *push.block).size(), 2U);
  EXPECT_TRUE(push.is_push && push.completes_push);
  EXPECT_FALSE(shard.holds_back(0));
  shard.set_room(0, true, outbox);
  EXPECT_EQ(outbox.envelopes().size(), 1U);
}

TEST(ServerShard, WithoutRoomReadsAreAnsweredAndBoundedModelsPush) {
  for (const Consistency consistency : {Consistency::kEssp, Consistency::kBsp}) {
    CoreCluster cluster(kTwoClientsOneServer);
    core::Outbox outbox(wire::NodeId::shard(0));
    cluster.cluster().shard(0).set_room(0, false, outbox);
    const TableId table = cluster.create_table(dense_table(consistency, 0));
    EXPECT_THAT(cluster.get(0, table, kRow), ElementsAre(0, 0));
    for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
    deliver_to_server(cluster);
    EXPECT_EQ(brought(cluster, 0).size(), 1U);
  }
}

TEST(ServerShard, ItsLogStaysShortThoughOneReaderStandsStill) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kAsp, 0));
  for (const Rank client : {0, 1}) {
    for (const RowId row : {1, 2, 3}) cluster.get(client, table, row);
  }
  for (int clock = 0; clock < 1000; ++clock) {
    for (const RowId row : {1, 2}) cluster.inc(1, table, row, 1, 1);
    cluster.advance(1, table);
    cluster.deliver_all();
  }
  EXPECT_LE(cluster.cluster().shard(0).log_size(table), 100U);
  cluster.advance(0, table);
  deliver_to_server(cluster);
  EXPECT_THAT(brought(cluster, 0).at(0).rows, ::testing::UnorderedElementsAre(1, 2));
  cluster.deliver_all();
  EXPECT_THAT(cluster.read(0, table, 1), Optional(ElementsAre(0, 1000)));
}

TEST(ServerShard, PushesNoMoreToAProcessWhoseWorkersHaveEnded) {
  for (const Consistency consistency : {Consistency::kEssp, Consistency::kBsp}) {
    CoreCluster cluster({{.workers = 2, .shards = 0}, {.workers = 1, .shards = 0}, {.workers = 0, .shards = 1}});
    const TableId table = cluster.create_table(dense_table(consistency, 0));
    cluster.get(0, table, kRow);
    const auto pushes_of_a_clock = [&] {
      cluster.inc(2, table, kRow, 1, 1);
      cluster.advance(2, table);
      deliver_to_server(cluster);
      return brought(cluster, 0).size();
    };
    cluster.finish(0, table);
    cluster.advance(1, table);
    EXPECT_EQ(pushes_of_a_clock(), 1U) << "its other worker may read";
    cluster.finish(1, table);
    cluster.deliver_all();
    EXPECT_EQ(pushes_of_a_clock(), 0U);
  }
}

TEST(ServerShard, PushesNoMoreAfterARowWasDropped) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kEssp, 0), 1);
  cluster.get(0, table, 1);
  for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
  cluster.deliver_all();
  cluster.get(0, table, 2);
  for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);  // drops row 1
  cluster.deliver_all();
  for (const RowId row : {1, 2}) cluster.inc(1, table, row, 1, 1);
  for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
  deliver_to_server(cluster);
  ASSERT_EQ(brought(cluster, 0).size(), 1U);
  EXPECT_THAT(brought(cluster, 0).at(0).rows, ElementsAre(2));
}

TEST(ServerShard, SendsABlockAsItIsWhereAllItsRowsAreWanted) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 10));
  for (const RowId row : {1, 2, 3}) cluster.inc(1, table, row, 1, row);
  cluster.advance(1, table);
  const Buffer* sent = std::get<wire::Update>(cluster.carrier().queue(1, kServer).front().message).block.get();
  deliver_to_server(cluster);
  cluster.request(0, table, {{3, 1, 2}});
  deliver_to_server(cluster);
  EXPECT_EQ(std::get<wire::Rows>(cluster.carrier().queue(kServer, 0).front().message).block.get(), sent);
  cluster.deliver_all();
  EXPECT_THAT(cluster.read(0, table, 3), Optional(ElementsAre(0, 3)));
  cluster.request(1, table, {{1, 2}});  // not all of it
  deliver_to_server(cluster);
  EXPECT_NE(std::get<wire::Rows>(cluster.carrier().queue(kServer, 1).front().message).block.get(), sent);
}

TEST(ServerShard, ARowThatARequestNamesTwiceCountsOnce) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 10));
  for (const RowId row : {1, 2, 3}) cluster.inc(1, table, row, 1, row);
  cluster.advance(1, table);
  deliver_to_server(cluster);
  core::Outbox outbox(wire::NodeId::shard(0));
  for (int i = 0; i < 2; ++i) {
    cluster.cluster().shard(0).step(
        {wire::NodeId::client(0), wire::NodeId::shard(0), wire::ReadRequest{table, 0, {1, 1, 2}}}, outbox);
  }
  ASSERT_EQ(outbox.envelopes().size(), 2U);
  for (const wire::Envelope& envelope : outbox.envelopes()) {
    const auto& rows = std::get<wire::Rows>(envelope.message);
    const wire::RowBlockView view(dense_table(Consistency::kSsp, 10).shape, *rows.block);
    ASSERT_EQ(view.size(), 2U) << "not row 3, which nobody asked for";
    EXPECT_THAT((std::array{view.id(0), view.id(1)}), ElementsAre(1, 2));
  }
}

TEST(ServerShard, SharesRowsWithTheWorkersOfItsProcess) {
  CoreCluster cluster({{.workers = 1, .shards = 1}});
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 0));
  cluster.get(0, table, kRow);
  cluster.inc(0, table, kRow, 1, 5);
  cluster.advance(0, table);
  core::ClientTable& rows = cluster.table(0, table);
  const std::byte* first = rows.read(rows.part(0), kRow);
  cluster.inc(0, table, kRow, 1, 5);
  const std::vector<std::int64_t> before = elements_of(rows.spec().shape, first);
  cluster.cluster().process(0).with_client(
      [&](core::ClientCore& client, core::Outbox& outbox) { client.table(table).advance(0, false, outbox); });
  cluster.cluster().process(0).settle();
  EXPECT_EQ(elements_of(rows.spec().shape, first), before) << "a view that somebody still looks at";
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(0, 10)));
}

template <class M>
M about(TableId table) {
  M message;
  message.table = table;
  return message;
}

TEST(ServerShard, IgnoresAndCountsWhatMakesNoSense) {
  CoreCluster cluster(kTwoClientsOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 0));
  core::ServerShard& shard = cluster.cluster().shard(0);
  core::Outbox outbox(wire::NodeId::shard(0));
  const auto step = [&](wire::NodeId from, wire::Message message) {
    shard.step({from, wire::NodeId::shard(0), std::move(message)}, outbox);
  };
  const wire::NodeId client = wire::NodeId::client(0);
  step(wire::NodeId::shard(1), wire::BarrierArrive{1});
  step(wire::NodeId::client(kServer), wire::BarrierArrive{1});
  step(client, about<wire::Update>(table + 1));
  step(client, about<wire::ReadRequest>(4000));
  step(client, about<wire::Unsubscribe>(table + 1));
  step(client, about<wire::CreateTable>(table + 5));
  step(client, wire::CreateChannel{7, "channel", 1});
  wire::Update of_a_later_clock = about<wire::Update>(table);
  of_a_later_clock.clock = 1;
  step(client, of_a_later_clock);
  step(client, about<wire::Rows>(table));
  EXPECT_EQ(shard.rejected(), 9U);
  EXPECT_TRUE(outbox.envelopes().empty());
  step(client, wire::Unsubscribe{table, {1, 2}});  // never read: nothing to do
  EXPECT_EQ(shard.minimum(table), 0);
}

TEST(ServerShard, SaysThatAnUpdaterCannotBeMade) {
  const core::Membership members{.rank = 0, .workers = {1}, .rank_of_shard = {0}};
  core::UpdaterCatalog updaters;
  updaters.add("lost", [](const UpdaterOptions&) -> std::unique_ptr<Updater<float>> {
    throw std::runtime_error("no such file");
  });
  BufferPool pool;
  core::ServerShard shard(members, updaters, pool);
  core::Outbox outbox(wire::NodeId::shard(0));
  wire::TableSpec spec = dense_table(Consistency::kSsp, 0);
  spec.shape.element = ElementType::kFloat;
  spec.updater.name = "lost";
  shard.step({wire::NodeId::client(0), wire::NodeId::shard(0), wire::CreateTable{0, spec}}, outbox);
  ASSERT_EQ(outbox.envelopes().size(), 1U);
  EXPECT_EQ(std::get<wire::TableCreated>(outbox.envelopes()[0].message).problem,
            "updater 'lost' can't be made: no such file");
}

TEST(ServerShard, BspAddsInTheOrderOfTheWorkersWhateverComesFirst) {
  std::vector<std::vector<std::int64_t>> results;
  for (const bool reversed : {false, true}) {
    CoreCluster cluster(kTwoClientsOneServer);
    wire::TableSpec spec = dense_table(Consistency::kBsp, 0);
    spec.shape.element = ElementType::kFloat;
    const TableId table = cluster.create_table(spec);
    // In single precision 2^24 + 1 is 2^24: the order of the sums shows.
    cluster.inc(0, table, kRow, 0, 1 << 24);
    cluster.inc(1, table, kRow, 0, 1);
    for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
    cluster.inc(0, table, kRow, 0, 1);
    cluster.inc(1, table, kRow, 0, -(1 << 24));
    for (const WorkerId worker : {0, 1}) cluster.advance(worker, table);
    for (const Rank client : {reversed ? 1 : 0, reversed ? 0 : 1}) {
      while (cluster.carrier().under_way(client, kServer) > 0) cluster.deliver(client, kServer);
    }
    results.push_back(cluster.get(0, table, kRow));
  }
  EXPECT_EQ(results[0], results[1]);
}

}  // namespace
}  // namespace bosen::testing
