#include "bosen/core/client_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "bosen/base/limits.h"
#include "tests/support/core_cluster.h"

namespace bosen::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

constexpr RowId kRow = 7;

// Process 0 has workers and no shard, so that every row is remote to it.
const std::vector<ProcessShape> kOneClientOneServer{{.workers = 1, .shards = 0}, {.workers = 0, .shards = 1}};
const std::vector<ProcessShape> kTwoWorkersOneServer{{.workers = 2, .shards = 0}, {.workers = 0, .shards = 1}};
const std::vector<ProcessShape> kTwoClientsOneServer{
    {.workers = 1, .shards = 0}, {.workers = 1, .shards = 0}, {.workers = 0, .shards = 1}};
constexpr ProcessShape kEmbedded{.workers = 1, .shards = 1};

std::vector<wire::Message> messages(CoreCluster& cluster, Rank from, Rank to) {
  std::vector<wire::Message> result;
  for (const wire::Envelope& envelope : cluster.carrier().queue(from, to)) result.push_back(envelope.message);
  return result;
}

TEST(ClientTable, ARowNobodyWroteIsZero) {
  for (const auto& shapes : {kOneClientOneServer, std::vector{kEmbedded}}) {
    CoreCluster cluster(shapes);
    const TableId dense = cluster.create_table(dense_table(Consistency::kSsp, 1));
    const TableId sparse = cluster.create_table(sparse_table(Consistency::kSsp, 1));
    EXPECT_THAT(cluster.get(0, dense, kRow), ElementsAre(0, 0));
    EXPECT_THAT(cluster.get(0, sparse, kRow), ElementsAre());
  }
}

TEST(ClientTable, AChangedStalenessCountsFromTheNextAdvanceAndTakesNothingBack) {
  CoreCluster cluster(kOneClientOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1));
  core::ClientTable& rows = cluster.table(0, table);
  const auto& part = rows.part(0);
  for (int i = 0; i < 5; ++i) cluster.advance(0, table);
  EXPECT_EQ(part.needed, 4);
  rows.set_staleness(4);
  EXPECT_EQ(part.needed, 4);
  cluster.advance(0, table);
  EXPECT_EQ(part.needed, 4) << "clock 6 and staleness 4 need 2, but 4 was promised";
  rows.set_staleness(0);
  cluster.advance(0, table);
  EXPECT_EQ(part.needed, 7);
}

TEST(ClientTable, ShowsAWorkerItsOwnUpdatesBeforeTheyLeave) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1));
  cluster.get(0, table, kRow);
  cluster.inc(0, table, kRow, 1, 5);
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(0, 5)));
  EXPECT_THAT(cluster.read(1, table, kRow), Optional(ElementsAre(0, 0)));
}

TEST(ClientTable, ShowsAdvancedUpdatesToTheWholeProcessBeforeTheShardHasThem) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1));
  cluster.get(0, table, kRow);
  cluster.inc(0, table, kRow, 1, 5);
  cluster.advance(0, table);
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(0, 5)));
  EXPECT_THAT(cluster.read(1, table, kRow), Optional(ElementsAre(0, 5)));
}

TEST(ClientTable, AddsUnconfirmedUpdatesToRowsThatTheShardSentBefore) {
  for (const wire::TableSpec& spec : {dense_table(Consistency::kSsp, 4), sparse_table(Consistency::kSsp, 4)}) {
    CoreCluster cluster(kTwoClientsOneServer);
    const TableId table = cluster.create_table(spec);
    cluster.request(0, table, {{kRow}});
    cluster.deliver(0, 2);  // the answer is on its way when the worker advances
    cluster.inc(0, table, kRow, 1, 5);
    cluster.advance(0, table);
    cluster.inc(0, table, kRow, 1, 2);
    cluster.advance(0, table);
    cluster.deliver(2, 0);
    EXPECT_EQ(cluster.read(0, table, kRow)->back(), 7);
    cluster.deliver_all();
    cluster.inc(1, table, kRow, 0, 1);
    cluster.advance(1, table);
    cluster.deliver_all();
    EXPECT_EQ(cluster.row_on_shard(table, kRow).back(), 7);
  }
}

// In single precision 2^24 + 1 is 2^24: the order of the sums shows.
TEST(ClientTable, AddsUnconfirmedUpdatesInTheOrderInWhichTheyWereMade) {
  CoreCluster cluster(kOneClientOneServer);
  wire::TableSpec spec = dense_table(Consistency::kSsp, 9);
  spec.shape.element = ElementType::kFloat;
  const TableId table = cluster.create_table(spec);
  cluster.request(0, table, {{kRow}});
  cluster.deliver(0, 1);
  for (const std::int64_t amount : {std::int64_t{1} << 24, std::int64_t{1}, -(std::int64_t{1} << 24)}) {
    cluster.inc(0, table, kRow, 0, amount);
    cluster.advance(0, table);
  }
  cluster.deliver(1, 0);
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(0, 0)));
}

TEST(ClientTable, AViewOfOwnUpdatesFollowsTheSharedRow) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1));
  cluster.get(0, table, kRow);
  cluster.inc(0, table, kRow, 0, 1);
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(1, 0)));
  cluster.inc(1, table, kRow, 1, 5);
  cluster.advance(1, table);
  EXPECT_THAT(cluster.read(0, table, kRow), Optional(ElementsAre(1, 5)));
}

TEST(ClientTable, ASlowWorkerIsAnsweredThoughAFastOneOfItsProcessWaitsForTheSameRow) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1));
  cluster.advance(0, table);
  cluster.advance(0, table);
  cluster.request(0, table, {{kRow}});  // needs clock 1, which worker 1 has not reached
  cluster.deliver_all();
  EXPECT_EQ(cluster.read(0, table, kRow), std::nullopt);
  EXPECT_THAT(cluster.get(1, table, kRow), ElementsAre(0, 0));
}

TEST(ClientTable, AsksOnceForWhatSeveralWorkersMiss) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1));
  cluster.request(0, table, {{kRow, kRow, kRow + 1}});
  cluster.request(1, table, {{kRow}});
  const auto sent = messages(cluster, 0, 1);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_THAT(std::get<wire::ReadRequest>(sent[0]).rows, ElementsAre(kRow, kRow + 1));
}

TEST(ClientTable, AsksAgainAfterABarrierThoughAnAnswerIsUnderWay) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1));
  cluster.request(0, table, {{kRow}});
  cluster.client(0).table(table).on_barrier();
  cluster.request(0, table, {{kRow}});
  EXPECT_EQ(cluster.carrier().under_way(0, 1), 2U);
}

TEST(ClientTable, NeverAsksForAClockBelowZero) {
  for (const Consistency consistency : {Consistency::kSsp, Consistency::kEssp, Consistency::kAsp}) {
    CoreCluster cluster(kOneClientOneServer);
    const TableId table = cluster.create_table(dense_table(consistency, 3));
    cluster.request(0, table, {{kRow}});
    EXPECT_EQ(std::get<wire::ReadRequest>(messages(cluster, 0, 1).at(0)).needed, 0);
  }
}

TEST(ClientTable, SplitsRequestsAndUnsubscriptionsThatAreTooLongForAMessage) {
  CoreCluster cluster(kOneClientOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kEssp, 1), 10);
  std::vector<RowId> rows(limits::kRowsPerRequestMax + 100);
  std::iota(rows.begin(), rows.end(), 0);
  cluster.request(0, table, rows);
  EXPECT_EQ(cluster.carrier().under_way(0, 1), 2U);
  cluster.deliver_all();
  cluster.advance(0, table);
  std::size_t dropped = 0;
  for (const wire::Message& message : messages(cluster, 0, 1)) {
    const auto* unsubscribe = std::get_if<wire::Unsubscribe>(&message);
    if (unsubscribe == nullptr) continue;
    EXPECT_LE(unsubscribe->rows.size(), limits::kRowsPerRequestMax);
    dropped += unsubscribe->rows.size();
  }
  EXPECT_EQ(dropped, rows.size() - 10);
}

TEST(ClientTable, OnlyTheLastMessageOfAWorkerSaysThatItHasFinished) {
  CoreCluster cluster(kOneClientOneServer);
  const auto width = static_cast<std::int64_t>(limits::kBlockBytes / 16);  // half a block
  const TableId table = cluster.create_table(dense_table(Consistency::kBsp, 0, width));
  for (RowId row = 0; row < 5; ++row) cluster.inc(0, table, row, 0, 1);
  cluster.finish(0, table);
  const auto sent = messages(cluster, 0, 1);
  ASSERT_GT(sent.size(), 1U);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const auto& update = std::get<wire::Update>(sent[i]);
    EXPECT_EQ(update.closes, i + 1 == sent.size());
    EXPECT_EQ(update.clock, update.closes ? wire::kFinishedClock : 0);
  }
}

TEST(ClientTable, HearsThatUpdatesWereAppliedThoughItNeverReads) {
  CoreCluster cluster(kOneClientOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kEssp, 1));
  for (int clock = 0; clock < 200; ++clock) {
    cluster.inc(0, table, kRow, 0, 1);
    cluster.advance(0, table);
    cluster.deliver_all();
    EXPECT_LT(cluster.table(0, table).unconfirmed(), limits::kConfirmEveryBatches);
  }
  EXPECT_EQ(cluster.row_on_shard(table, kRow).front(), 200);
}

TEST(ClientTable, ABoundedCacheDropsTheLeastRecentlyUsedRowAndFetchesItAgain) {
  CoreCluster cluster(kOneClientOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 100), 2);
  for (const RowId row : {1, 2, 3}) {
    cluster.get(0, table, row);
    cluster.advance(0, table);
  }
  EXPECT_EQ(cluster.table(0, table).cached_rows(), 2U);
  EXPECT_EQ(cluster.read(0, table, 1), std::nullopt);
  EXPECT_NE(cluster.read(0, table, 2), std::nullopt);
  EXPECT_THAT(cluster.get(0, table, 1), ElementsAre(0, 0));
}

TEST(ClientTable, ABoundedCacheKeepsRowsWithUnsentUpdates) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 100), 1);
  cluster.get(0, table, 1);
  cluster.inc(0, table, 1, 0, 5);
  for (const RowId row : {2, 3, 4}) {
    cluster.get(1, table, row);
    cluster.advance(1, table);
  }
  EXPECT_THAT(cluster.read(0, table, 1), Optional(ElementsAre(5, 0)));
  cluster.advance(0, table);
  cluster.deliver_all();
  EXPECT_THAT(cluster.row_on_shard(table, 1), ElementsAre(5, 0));
}

TEST(ClientTable, ABoundedCacheKeepsTheRowsAWorkerWaitsFor) {
  CoreCluster cluster(kTwoWorkersOneServer);
  for (const Consistency consistency : {Consistency::kSsp, Consistency::kEssp}) {
    const TableId table = cluster.create_table(dense_table(consistency, 100), 1);
    cluster.request(0, table, {{1}});
    cluster.deliver_all();
    for (const RowId row : {2, 3}) {  // the other worker's advances evict what they can
      cluster.get(1, table, row);
      cluster.advance(1, table);
    }
    EXPECT_NE(cluster.read(0, table, 1), std::nullopt);
  }
}

TEST(ClientTable, ABoundedCacheForgetsRowsThatWereOnlyIncremented) {
  CoreCluster cluster(kOneClientOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1), 4);
  for (RowId row = 0; row < 1000; ++row) {
    cluster.inc(0, table, row, 0, 1);
    cluster.advance(0, table);
    cluster.deliver_all();
    EXPECT_LE(cluster.table(0, table).cached_rows(), 5U);
  }
}

TEST(ClientTable, ABoundedCacheUsesItsMemoryAgain) {
  for (const ProcessShape& server : {ProcessShape{.workers = 0, .shards = 1}, kEmbedded}) {
    const bool embedded = server.workers > 0;
    CoreCluster cluster(embedded ? std::vector{kEmbedded} : kOneClientOneServer);
    const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 1), 4);
    const std::size_t before = cluster.table(0, table).overhead_bytes();
    for (RowId row = 0; row < 5000; ++row) {
      cluster.get(0, table, row);
      cluster.advance(0, table);
      cluster.deliver_all();
    }
    EXPECT_LE(cluster.table(0, table).overhead_bytes(), before + 4096);
  }
}

TEST(ClientTable, ACachedRowCostsAtMost64BytesBesidesItsData) {
  for (const auto& shapes : {kOneClientOneServer, std::vector{kEmbedded}}) {
    CoreCluster cluster(shapes);
    const TableId table = cluster.create_table(dense_table(Consistency::kEssp, 1));
    std::vector<RowId> rows(100'000);
    std::iota(rows.begin(), rows.end(), 0);
    cluster.request(0, table, rows);
    for (const RowId row : rows) cluster.inc(0, table, row, 0, 1);
    cluster.advance(0, table);
    cluster.deliver_all();
    ASSERT_EQ(cluster.table(0, table).cached_rows(), rows.size());
    const std::size_t id_in_block = sizeof(RowId);
    const double bytes = static_cast<double>(cluster.table(0, table).overhead_bytes()) / 100'000 + id_in_block;
    EXPECT_LE(bytes, 64);
    RecordProperty("bytes_per_row", std::to_string(bytes));
  }
}

TEST(ClientTable, CountsReadsByTheAgeOfWhatTheySaw) {
  CoreCluster cluster(kTwoWorkersOneServer);
  const TableId table = cluster.create_table(dense_table(Consistency::kSsp, 3));
  cluster.get(0, table, kRow);
  cluster.advance(0, table);
  cluster.advance(0, table);
  cluster.read(0, table, kRow);
  const core::StalenessHistogram& staleness = cluster.table(0, table).part(0).staleness;
  EXPECT_EQ(staleness.counts[core::StalenessHistogram::kOldest], 1);
  EXPECT_EQ(staleness.counts[core::StalenessHistogram::kOldest - 2], 1);
  EXPECT_EQ(std::accumulate(staleness.counts.begin(), staleness.counts.end(), std::int64_t{0}), 2);
}

TEST(StalenessHistogram, CountsWhatIsBeyondItsEnds) {
  core::StalenessHistogram histogram;
  histogram.add(-1000);
  histogram.add(std::numeric_limits<Clock>::max());
  histogram.add(0);
  EXPECT_EQ(histogram.counts.front(), 1);
  EXPECT_EQ(histogram.counts.back(), 1);
  EXPECT_EQ(histogram.counts[core::StalenessHistogram::kOldest], 1);
}

}  // namespace
}  // namespace bosen::testing
