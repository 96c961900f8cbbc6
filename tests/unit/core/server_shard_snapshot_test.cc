// What a shard saves at a checkpoint's barrier, and how another one goes on from it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "bosen/core/server_shard.h"
#include "tests/support/error_message.h"

namespace bosen::core {
namespace {

using ::testing::HasSubstr;
using wire::NodeId;

constexpr RowId kRowCount = 20;
constexpr std::int64_t kColumns = 3;

wire::TableSpec table_of(RowKind kind, const std::string& updater) {
  wire::TableSpec spec;
  spec.name = "weights";
  spec.shape = {kind, ElementType::kFloat, kind == RowKind::kDense ? kColumns : 0};
  spec.consistency = Consistency::kBsp;
  spec.updater.name = updater;
  spec.updater.momentum = 0.5;
  return spec;
}

/// A job of one process with one worker and one shard, whose client is the test.
class SingleShard {
 public:
  explicit SingleShard(const wire::TableSpec& spec, wire::ShardSnapshot start = {})
      : spec_(spec), clock_(start.clock), shard_(members_, updaters_, pool_, std::move(start)) {
    created_ = said(wire::CreateTable{0, spec});
  }

  /// Why the table could not be made.
  [[nodiscard]] std::string problem() const { return std::get<wire::TableCreated>(created_.front().message).problem; }

  /// Updates every second row, or every third, and closes the clock.
  void work() {
    wire::BlockBuilder builder(pool_, spec_.shape, 4096);
    for (RowId row = clock_ % 2; row < kRowCount; row += 2 + clock_ % 2) {
      std::vector<float> update(kColumns, 0.5F + static_cast<float>(row * 7 + clock_));
      if (spec_.shape.kind == RowKind::kDense) {
        std::memcpy(builder.append_dense(row), update.data(), sizeof(float) * kColumns);
        continue;
      }
      std::byte* record = builder.append_sparse(row, 1);
      wire::SparseRecord::columns(record)[0] = static_cast<Column>(clock_);
      std::memcpy(record + wire::SparseRecord::values_offset(1), update.data(), sizeof(float));
    }
    std::vector<BufferRef> blocks = builder.take();
    said(wire::Update{0, 0, clock_, true, std::move(blocks.front())});
    ++clock_;
  }

  wire::ShardSnapshot save() {
    said(wire::BarrierArrive{++barriers_, clock_});
    auto snapshot = shard_.take_snapshot();
    EXPECT_TRUE(snapshot.has_value());
    EXPECT_FALSE(shard_.take_snapshot().has_value());
    return std::move(*snapshot);
  }

  /// All rows, one after the other.
  std::vector<std::byte> rows() {
    std::vector<std::byte> bytes;
    for (RowId row = 0; row < kRowCount; ++row) {
      const auto answer = said(wire::ReadRequest{0, clock_, {row}});
      const std::byte* data = std::get<wire::Rows>(answer.front().message).shared.front().data;
      const std::size_t size = spec_.shape.kind == RowKind::kDense
                                   ? spec_.shape.row_bytes()
                                   : wire::SparseRecord::bytes(wire::SparseRecord::count(data), sizeof(float));
      bytes.insert(bytes.end(), data, data + size);
    }
    return bytes;
  }

  std::vector<wire::Envelope> said(wire::Message message) {
    Outbox outbox(NodeId::shard(0));
    shard_.step({NodeId::client(0), NodeId::shard(0), std::move(message)}, outbox);
    return std::move(outbox.envelopes());
  }

 private:
  const Membership members_{.rank = 0, .workers = {1}, .rank_of_shard = {0}};
  const UpdaterCatalog updaters_;
  const wire::TableSpec spec_;
  BufferPool pool_;
  Clock clock_;
  std::uint64_t barriers_ = 0;
  ServerShard shard_;
  std::vector<wire::Envelope> created_;
};

TEST(ServerShardSnapshot, AnotherShardGoesOnAsIfNothingHadHappened) {
  const std::vector<wire::TableSpec> specs = {
      table_of(RowKind::kDense, "add"),  table_of(RowKind::kSparse, "add"),    table_of(RowKind::kDense, "sgd"),
      table_of(RowKind::kDense, "adam"), table_of(RowKind::kDense, "adagrad"), table_of(RowKind::kDense, "clock_sum")};
  for (const wire::TableSpec& spec : specs) {
    SingleShard first(spec);
    for (int clock = 0; clock < 5; ++clock) first.work();
    const wire::ShardSnapshot saved = first.save();
    EXPECT_EQ(saved.clock, 5);
    const std::vector<std::byte> rows = first.rows();
    for (int clock = 0; clock < 4; ++clock) first.work();  // what was saved must stay what it was

    SingleShard second(spec, saved);
    ASSERT_EQ(second.problem(), "");
    EXPECT_EQ(second.rows(), rows) << spec.updater.name;
    for (int clock = 0; clock < 4; ++clock) second.work();
    EXPECT_EQ(second.rows(), first.rows()) << spec.updater.name;
  }
}

TEST(ServerShardSnapshot, SavesNoRowThatWasOnlyRead) {
  SingleShard shard(table_of(RowKind::kDense, "add"));
  shard.work();
  shard.rows();
  const wire::ShardSnapshot saved = shard.save();
  std::size_t rows = 0;
  for (const BufferRef& block : saved.tables.front().blocks) rows += block->rows;
  EXPECT_EQ(rows, kRowCount / 2);
}

TEST(ServerShardSnapshot, RefusesTablesThatAreOthers) {
  SingleShard shard(table_of(RowKind::kDense, "sgd"));
  shard.work();
  const wire::ShardSnapshot saved = shard.save();
  const auto problem = [&](const auto& change) {
    wire::TableSpec spec = table_of(RowKind::kDense, "sgd");
    change(spec);
    return SingleShard(spec, saved).problem();
  };
  EXPECT_EQ(problem([](wire::TableSpec& spec) {
              spec.consistency = Consistency::kSsp;
              spec.staleness = 4;
              spec.updater.learning_rate = 0.001;
              spec.priority = 3;
            }),
            "")
      << "what a job may change when it goes on";
  EXPECT_EQ(problem([](wire::TableSpec& spec) { spec.name = "other"; }),
            "is not in the checkpoint of clock 1: is that another program's?");
  EXPECT_EQ(problem([](wire::TableSpec& spec) { spec.shape.width = 4; }),
            "has width 4, in the checkpoint of clock 1 width 3: go on with the same options");
  EXPECT_THAT(problem([](wire::TableSpec& spec) { spec.updater.name = "adam"; }),
              HasSubstr("has updater adam, in the checkpoint of clock 1 updater sgd"));
}

TEST(ServerShardSnapshot, WorkersThatDoNotMakeItTogetherAreAMistake) {
  const Membership members{.rank = 2, .workers = {1, 1}, .rank_of_shard = {2}};
  const UpdaterCatalog updaters;
  BufferPool pool;
  ServerShard shard(members, updaters, pool);
  Outbox outbox(NodeId::shard(0));
  shard.step({NodeId::client(1), NodeId::shard(0), wire::BarrierArrive{1, 8}}, outbox);
  EXPECT_EQ(error_message([&] {
              shard.step({NodeId::client(0), NodeId::shard(0), wire::BarrierArrive{1}}, outbox);
            }),
            "rank 0 waits at a barrier while another rank makes a checkpoint at clock 8: all workers must do so "
            "together");
}

TEST(ServerShardSnapshot, AWorkerThatHasEndedComesToNoBarrierAndMakesNoCheckpoint) {
  const Membership members{.rank = 2, .workers = {1, 1}, .rank_of_shard = {2}};
  const UpdaterCatalog updaters;
  BufferPool pool;
  ServerShard shard(members, updaters, pool);
  Outbox outbox(NodeId::shard(0));
  const auto arrive = [&](Rank rank, std::uint64_t barrier, Clock checkpoint) {
    shard.step({NodeId::client(rank), NodeId::shard(0), wire::BarrierArrive{barrier, checkpoint}}, outbox);
  };
  arrive(0, 1, wire::kFinishedClock);
  arrive(1, 1, wire::kFinishedClock);
  EXPECT_EQ(outbox.envelopes().size(), 2U) << "the release of both";
  EXPECT_FALSE(shard.take_snapshot().has_value());
  arrive(1, 2, wire::kFinishedClock);
  EXPECT_EQ(
      error_message([&] { arrive(0, 2, 0); }),
      "rank 0 waits at a barrier while another rank has workers that have ended: all workers must do so together");
}

}  // namespace
}  // namespace bosen::core
