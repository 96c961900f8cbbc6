// Workers read without a lock while others publish, evict and grow what they read. The thread sanitizer says whether
// they race; the test itself whether anybody ever sees a torn, freed or older row.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bosen/core/client_core.h"
#include "bosen/core/server_shard.h"
#include "bosen/wire/copy_blocks.h"
#include "tests/support/core_cluster.h"
#include "tests/support/sim_random.h"

namespace bosen::testing {
namespace {

using core::Outbox;

constexpr int kWorkers = 3;
constexpr int kClocks = 120;
constexpr int kReadsPerClock = 60;
constexpr RowId kRows = 80;
constexpr std::int64_t kWidth = 24;

enum class ShardPlace { kSameProcess, kOtherProcess };

/// A client and a shard, each under a mutex of its own; whoever has sent something handles it.
class ThreadedProcess {
 public:
  ThreadedProcess(ShardPlace place, const wire::TableSpec& spec, std::int64_t cache_rows)
      : is_local_(place == ShardPlace::kSameProcess),
        members_{.rank = 0, .workers = {kWorkers}, .rank_of_shard = {is_local_ ? 0 : 1}},
        shard_members_{.rank = is_local_ ? 0 : 1, .workers = {kWorkers}, .rank_of_shard = members_.rank_of_shard},
        client_(members_, pool_),
        shard_(shard_members_, updaters_, shard_pool()) {
    with_client([&](Outbox& outbox) { client_.create_table(spec, cache_rows, outbox); });
    EXPECT_TRUE(client_.table_creation(0).done());
  }

  [[nodiscard]] core::ClientTable& table() { return client_.table(0); }
  [[nodiscard]] core::Reclaimer& reclaimer() { return client_.reclaimer(); }

  template <class Action>
  void with_client(const Action& action) {
    {
      const std::lock_guard lock(client_mutex_);
      Outbox outbox(wire::NodeId::client(0));
      action(outbox);
      const std::lock_guard inbox_lock(inbox_mutex_);
      for (wire::Envelope& envelope : outbox.envelopes()) to_shard_.push_back(deliverable(envelope, shard_pool()));
    }
    drive();
  }

  /// A row on the shard, when all threads have ended.
  std::vector<std::int64_t> stored(RowId row) {
    Outbox outbox(wire::NodeId::shard(0));
    shard_.step({wire::NodeId::client(0), wire::NodeId::shard(0), wire::ReadRequest{0, 0, {row}}}, outbox);
    const auto& rows = std::get<wire::Rows>(outbox.envelopes().at(0).message);
    return elements_of(table().spec().shape, rows.block ? rows.block->data : rows.shared.at(0).data);
  }

 private:
  BufferPool& shard_pool() { return is_local_ ? pool_ : shard_pool_; }

  wire::Envelope deliverable(wire::Envelope& envelope, BufferPool& receiver) const {
    if (!is_local_) envelope.message = wire::copy_blocks(envelope.message, receiver);
    return std::move(envelope);
  }

  void drive() {
    {
      const std::lock_guard lock(shard_mutex_);
      for (wire::Envelope& envelope : take(to_shard_)) {
        Outbox outbox(wire::NodeId::shard(0));
        shard_.step(std::move(envelope), outbox);
        const std::lock_guard inbox_lock(inbox_mutex_);
        for (wire::Envelope& answer : outbox.envelopes()) to_client_.push_back(deliverable(answer, pool_));
      }
    }
    const std::lock_guard lock(client_mutex_);
    for (wire::Envelope& envelope : take(to_client_)) {
      Outbox outbox(wire::NodeId::client(0));
      client_.step(std::move(envelope), outbox);
    }
    client_.collect();
  }

  std::vector<wire::Envelope> take(std::vector<wire::Envelope>& inbox) {
    const std::lock_guard lock(inbox_mutex_);
    return std::exchange(inbox, {});
  }

  const bool is_local_;
  const core::Membership members_;
  const core::Membership shard_members_;
  BufferPool pool_;
  BufferPool shard_pool_;
  core::UpdaterCatalog updaters_;
  std::mutex client_mutex_;
  core::ClientCore client_;  // guarded by client_mutex_, except what workers may do without it
  std::mutex shard_mutex_;
  core::ServerShard shard_;  // guarded by shard_mutex_
  std::mutex inbox_mutex_;   // a leaf; guards both
  std::vector<wire::Envelope> to_shard_;
  std::vector<wire::Envelope> to_client_;
};

/// What one worker does: reads rows whose elements are always all equal and never shrink, and adds to all elements of
/// one.
class Reader {
 public:
  Reader(ThreadedProcess& process, int worker)
      : process_(process), worker_(worker), part_(process.table().part(worker)), random_(100 + std::uint64_t(worker)) {}

  void run() {
    process_.with_client([&](Outbox&) { process_.reclaimer().enter(static_cast<std::size_t>(worker_)); });
    for (int clock = 0; clock < kClocks && problem_.empty(); ++clock) {
      std::vector<std::pair<RowId, const std::byte*>> views;
      for (int i = 0; i < kReadsPerClock && problem_.empty(); ++i) {
        const RowId row = random_.between(0, std::min<RowId>(kRows - 1, 4 + clock));  // the table grows meanwhile
        views.emplace_back(row, read(row));
        check(row, views.back().second);
        if (random_.chance(0.2)) inc(row);
      }
      for (const auto& [row, data] : views) check_equal(row, data);  // still as they were
      advance();
    }
    process_.reclaimer().leave(static_cast<std::size_t>(worker_));
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::int64_t added(RowId row) const { return added_.contains(row) ? added_.at(row) : 0; }

 private:
  const std::byte* read(RowId row) {
    core::ClientTable& table = process_.table();
    if (const std::byte* data = table.read(part_, row)) return data;
    process_.with_client([&](Outbox& outbox) { table.request(part_, {&row, 1}, outbox); });
    const std::byte* data = table.read(part_, row);
    if (data == nullptr) problem_ = "row " + std::to_string(row) + " was asked for and did not come";
    return data;
  }

  void check(RowId row, const std::byte* data) {
    if (data == nullptr) return;
    const std::int64_t value = check_equal(row, data);
    if (value < last_[row]) problem_ = "row " + std::to_string(row) + " goes back in time";
    if (value < added(row)) problem_ = "row " + std::to_string(row) + " lacks own updates";
    last_[row] = value;
  }

  std::int64_t check_equal(RowId row, const std::byte* data) {
    if (data == nullptr) return 0;
    const auto elements = elements_of(process_.table().spec().shape, data);
    if (std::any_of(elements.begin(), elements.end(), [&](std::int64_t value) { return value != elements[0]; })) {
      problem_ = "row " + std::to_string(row) + " is torn";
    }
    return elements[0];
  }

  void inc(RowId row) {
    core::ClientTable& table = process_.table();
    std::uint32_t slot = table.slot_to_inc(part_, row);
    while (slot == core::RowIndex::kNone) {
      process_.with_client([&](Outbox&) { table.add_slot(row); });
      slot = table.slot_to_inc(part_, row);
    }
    const std::vector<std::int64_t> ones(kWidth, 1);
    part_.delta.inc_dense(slot, row, table.shard(slot), reinterpret_cast<const std::byte*>(ones.data()));
    ++added_[row];
  }

  void advance() {
    process_.reclaimer().quiesce(static_cast<std::size_t>(worker_));
    process_.with_client([&](Outbox& outbox) { process_.table().advance(worker_, false, outbox); });
  }

  ThreadedProcess& process_;
  const int worker_;
  core::ClientTable::WorkerPart& part_;
  SimRandom random_;
  std::map<RowId, std::int64_t> last_;
  std::map<RowId, std::int64_t> added_;
  std::string problem_;
};

void run_all(ShardPlace place, Consistency consistency, std::int64_t cache_rows) {
  ThreadedProcess process(place, dense_table(consistency, kClocks, kWidth), cache_rows);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int worker = 0; worker < kWorkers; ++worker) readers.push_back(std::make_unique<Reader>(process, worker));
  {
    std::vector<std::jthread> threads;
    for (auto& reader : readers) threads.emplace_back([&reader] { reader->run(); });
  }
  for (const auto& reader : readers) EXPECT_EQ(reader->problem(), "");
  for (RowId row = 0; row < kRows; ++row) {
    std::int64_t total = 0;
    for (const auto& reader : readers) total += reader->added(row);
    EXPECT_EQ(process.stored(row), std::vector<std::int64_t>(kWidth, total)) << "row " << row;
  }
}

TEST(ConcurrentReads, OfRowsSharedWithTheShard) {
  run_all(ShardPlace::kSameProcess, Consistency::kEssp, 0);
  run_all(ShardPlace::kSameProcess, Consistency::kAsp, 0);
}

TEST(ConcurrentReads, OfRowsSharedWithTheShardInASmallCache) {
  run_all(ShardPlace::kSameProcess, Consistency::kSsp, 10);
}

TEST(ConcurrentReads, OfCopiesOfRemoteRows) {
  run_all(ShardPlace::kOtherProcess, Consistency::kEssp, 0);
  run_all(ShardPlace::kOtherProcess, Consistency::kAsp, 0);
}

TEST(ConcurrentReads, OfCopiesOfRemoteRowsInASmallCache) {
  run_all(ShardPlace::kOtherProcess, Consistency::kSsp, 10);
  run_all(ShardPlace::kOtherProcess, Consistency::kAsp, 2);
}

}  // namespace
}  // namespace bosen::testing
