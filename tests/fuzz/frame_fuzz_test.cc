// A process that a hostile peer sends anything to: more than 100,000 frames, most of them wrong in one place and
// otherwise perfect. Whatever passes decoding must be within all limits, and may be handled by a shard, a client and a
// link without harm: no crash, nothing read or written out of bounds (the sanitizers watch), and no change to a table
// that the frames do not name. A failure names its seed; --gtest_random_seed replays it.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "bosen/base/limits.h"
#include "bosen/core/client_core.h"
#include "bosen/core/link.h"
#include "bosen/core/server_shard.h"
#include "bosen/wire/message_check.h"
#include "tests/support/frame_mutator.h"
#include "tests/support/wire_samples.h"

namespace bosen {
namespace {

using core::Outbox;
using testing::SimRandom;
using wire::NodeId;

constexpr std::size_t kRounds = 200;
constexpr std::size_t kBurstsPerRound = 25;
constexpr std::size_t kFramesPerBurst = 40;
/// Rows 0 .. kRows - 1 of each table are what valid frames speak of.
constexpr int kRows = 12;
constexpr Rank kHostile = 1;
/// The shard and the client have it, but their decoder has not heard of it: frames that name it are refused.
constexpr TableId kControl = 4;
/// Fuzzed frames may make tables too; this bounds their memory.
constexpr TableId kTablesMax = 12;
constexpr std::size_t kRowBytesMax = std::size_t{1} << 16;
const std::vector<RowId> kControlRows{0, 2, 4, 1'000'000'000'000, -8};

wire::TableSpec spec_of(TableId table) {
  const Consistency consistency[] = {Consistency::kEssp, Consistency::kBsp, Consistency::kSsp, Consistency::kAsp,
                                     Consistency::kEssp};
  wire::TableSpec spec;
  spec.name = "table " + std::to_string(table);
  spec.shape = *test::sample_shape(table == kControl ? test::kDenseFloat : table);
  spec.consistency = consistency[table];
  spec.staleness = 1;
  if (table == test::kDenseDouble) spec.updater.name = "adagrad";
  return spec;
}

/// The clocks of the hostile peer's workers as far as it has said: its next updates carry them.
using Clocks = std::map<std::pair<TableId, WorkerId>, Clock>;

/// Valid frames of the hostile peer: samples of all kinds, and enough of each to keep tables in motion.
std::vector<wire::Frame> valid_frames(BufferPool& pool, SimRandom& random, Clocks& clocks) {
  std::vector<wire::Frame> frames;
  for (auto& [name, frame] : test::sample_frames(pool)) frames.push_back(std::move(frame));
  const auto add = [&frames](NodeId source, NodeId target, wire::Message message) {
    frames.push_back(test::sample_frame(source, target, std::move(message)));
    frames.back().header.sequence = frames.size();
  };
  for (int i = 0; i < 24; ++i) {
    const auto table = static_cast<TableId>(random.below(4));
    const WorkerId worker = 2 * kHostile + random.below(2);
    const Clock clock = clocks[{table, worker}];
    std::vector<RowId> ids;
    for (int n = random.below(5) + 1; n > 0; --n) ids.push_back(random.below(kRows));
    const BufferRef block = test::sample_block(pool, table, ids, static_cast<std::size_t>(random.below(6)));
    const bool closes = random.chance(0.2);
    const bool is_push = random.chance(0.5);
    add(NodeId::client(kHostile), NodeId::shard(0), wire::Update{table, worker, clock, closes, block});
    add(NodeId::client(kHostile), NodeId::shard(0), wire::ReadRequest{table, clock, ids});
    add(NodeId::shard(kHostile), NodeId::client(0),
        wire::Rows{table, clock, static_cast<std::uint64_t>(i), is_push, is_push && closes, block, {}, {}});
    if (closes) add(NodeId::client(kHostile), NodeId::shard(0), wire::Unsubscribe{table, ids});
  }
  return frames;
}

std::size_t bytes_of_row(const wire::RowShape& shape, const std::byte* row) {
  return shape.kind == RowKind::kDense
             ? shape.row_bytes()
             : wire::SparseRecord::bytes(wire::SparseRecord::count(row), shape.element_bytes());
}

/// Reads all bytes of a row: the sanitizers look on.
int sum_of(const wire::RowShape& shape, const std::byte* row) {
  int sum = 0;
  for (std::size_t i = 0; i < bytes_of_row(shape, row); ++i) sum += std::to_integer<int>(row[i]);
  return sum;
}

bool has_ascending_columns(const std::byte* row) {
  const Column* columns = wire::SparseRecord::columns(row);
  const std::size_t count = wire::SparseRecord::count(row);
  for (std::size_t i = 1; i < count; ++i) {
    if (columns[i - 1] >= columns[i]) return false;
  }
  return true;
}

/// The limits that every accepted message keeps, written down a second time.
class LimitCheck {
 public:
  explicit LimitCheck(const wire::Frame& frame) : frame_(frame) {}

  bool operator()(const wire::CreateTable& m) const {
    const wire::RowShape& shape = m.spec.shape;
    const bool is_dense = shape.kind == RowKind::kDense;
    return m.table < limits::kTablesMax && is_name(m.spec.name) && is_name(m.spec.updater.name) &&
           (is_dense || shape.kind == RowKind::kSparse) && shape.width >= (is_dense ? 1 : 0) &&
           shape.row_bytes() <= limits::kRowBytesMax && m.spec.staleness >= 0 &&
           std::isfinite(m.spec.updater.learning_rate + m.spec.updater.epsilon);
  }
  bool operator()(const wire::TableCreated& m) const { return m.table < limits::kTablesMax; }
  bool operator()(const wire::ChannelCreated& m) const { return m.channel < limits::kChannelsMax; }
  bool operator()(const wire::CreateChannel& m) const {
    return m.channel < limits::kChannelsMax && m.capacity > 0 && is_name(m.name);
  }
  bool operator()(const wire::Update& m) const {
    return is_own_worker(m.worker) && is_clock(m.clock, m.closes) && (m.block || m.closes) &&
           is_block(m.table, m.block);
  }
  bool operator()(const wire::Rows& m) const {
    return is_clock(m.clock, true) && m.shared.empty() && m.blocks.empty() && is_block(m.table, m.block);
  }
  bool operator()(const wire::ReadRequest& m) const { return is_clock(m.needed, false) && are_rows(m.table, m.rows); }
  bool operator()(const wire::Unsubscribe& m) const { return are_rows(m.table, m.rows); }
  bool operator()(const wire::BarrierArrive& m) const { return is_clock(m.checkpoint, true); }
  bool operator()(const wire::BarrierRelease&) const { return true; }
  bool operator()(const wire::ChannelData& m) const {
    return m.channel < limits::kChannelsMax && is_own_worker(m.from) && (m.to == 0 || m.to == 1);
  }
  bool operator()(const wire::ChannelCredit& m) const {
    return m.channel < limits::kChannelsMax && is_own_worker(m.from) && (m.to == 0 || m.to == 1) && m.messages > 0;
  }

 private:
  static bool is_name(const std::string& name) { return !name.empty() && name.size() <= limits::kNameBytesMax; }
  static bool is_clock(Clock clock, bool may_be_finished) {
    return (clock >= 0 && clock <= wire::kClockMax) || (may_be_finished && clock == wire::kFinishedClock);
  }
  static bool is_own_worker(WorkerId worker) { return worker == 2 * kHostile || worker == 2 * kHostile + 1; }
  static bool are_rows(TableId table, const std::vector<RowId>& rows) {
    return table < kControl && !rows.empty() && rows.size() <= limits::kRowsPerRequestMax;
  }
  static bool is_block(TableId table, const BufferRef& block) {
    if (table >= kControl) return false;
    if (!block) return true;
    const wire::RowShape shape = *test::sample_shape(table);
    const wire::RowBlockView view(shape, *block);
    std::size_t end = 0;
    for (std::size_t i = 0; i < view.size(); ++i) {
      const std::byte* row = block->data + view.offset(i);
      if (view.offset(i) < end || sum_of(shape, row) < 0) return false;  // rows overlap, or end before they begin
      if (shape.kind == RowKind::kSparse && !has_ascending_columns(row)) return false;
      end = view.offset(i) + bytes_of_row(shape, row);
    }
    return view.size() > 0 && end <= block->size - view.size() * sizeof(RowId);
  }

  const wire::Frame& frame_;
};

bool is_within_limits(const wire::Frame& frame) {
  const NodeId source = frame.header.source;
  // An acknowledgement has a number where it answers a frame that was sent again.
  if (!frame.message) return source.value == 0 && (frame.header.sequence != 0) == frame.header.repeated;
  const bool from_peer = source == NodeId::client(kHostile) || source == NodeId::shard(kHostile);
  const NodeId target = frame.header.target;
  const bool to_us = target == NodeId::client(0) || target == NodeId::shard(0);
  return from_peer && to_us && frame.header.sequence > 0 && std::visit(LimitCheck(frame), *frame.message);
}

/// Tables that would take much memory, workers that would end at once, and checkpoints that others do not make: with a
/// word of that the job ends.
bool is_spoilsport(const wire::Message& message) {
  if (const auto* create = std::get_if<wire::CreateTable>(&message)) {
    return create->table >= kTablesMax || create->spec.shape.row_bytes() > kRowBytesMax;
  }
  if (const auto* arrive = std::get_if<wire::BarrierArrive>(&message)) return arrive->checkpoint != 0;
  const auto* update = std::get_if<wire::Update>(&message);
  return update != nullptr && update->clock == wire::kFinishedClock && update->table != test::kSparseInt64;
}

/// Process 0 of the sample job: the first shard, a client with two workers, and the link to the hostile peer.
class Victim {
 public:
  Victim() : context_(test::sample_context(2)), shard_(members_, updaters_, pool_), client_(members_, pool_) {
    context_.rank = 0;
    Outbox outbox(NodeId::client(0));
    for (TableId table = 0; table <= kControl; ++table) {
      client_.create_table(spec_of(table), 0, outbox);
      from_client(kHostile, wire::CreateTable{table, spec_of(table)});
    }
    client_.create_channel("channel", {.capacity = 4}, outbox);
    client_.create_channel("another", {.capacity = 4}, outbox);
    deliver(outbox);
    for (WorkerId worker = 0; worker < 2; ++worker) client_.reclaimer().enter(static_cast<std::size_t>(worker));
    const BufferRef block = test::sample_block(pool_, test::kDenseFloat, kControlRows);
    from_client(0, wire::Update{kControl, 0, 0, false, block});
    control_ = control_rows();
  }

  /// What the network would do with a frame. False: it was refused.
  bool receive(const test::RawFrame& raw) {
    BufferRef block = raw.block ? test::exact_block(*raw.block) : BufferRef();
    wire::Decoded decoded = wire::decode(raw.head, std::move(block), kHostile, context_);
    EXPECT_EQ(decoded.frame.has_value(), decoded.problem.empty());
    if (!decoded.frame) return false;
    EXPECT_TRUE(is_within_limits(*decoded.frame));
    wire::Frame& frame = *decoded.frame;
    if (frame.message && !is_spoilsport(*frame.message)) {
      note_clock(*frame.message);
      // Nobody else may hold the block: then a shard writes into it.
      handle({frame.header.source, frame.header.target, std::exchange(*frame.message, wire::BarrierArrive{})});
    }
    std::vector<wire::Envelope> delivered;
    std::vector<wire::Frame> frames;
    link_.step(std::move(frame), ++now_, delivered, frames);
    return true;
  }

  [[nodiscard]] Clocks& clocks() { return clocks_; }

  /// The own workers ask for rows and end a clock: parked reads and held updates of the peer move on.
  void work(SimRandom& random) {
    Outbox outbox(NodeId::client(0));
    const auto worker = random.below(2);
    for (TableId id = 0; id < kControl; ++id) {
      core::ClientTable& table = client_.table(id);
      table.request(table.part(worker), std::vector<RowId>{random.below(kRows), random.below(kRows)}, outbox);
      if (random.chance(0.5)) table.advance(worker, false, outbox);
    }
    deliver(outbox);
    client_.reclaimer().quiesce(static_cast<std::size_t>(worker));
    client_.collect();
  }

  /// Rows that the own workers can read now, all bytes of them.
  int read_everything() {
    int sum = 0;
    for (TableId id = 0; id < kControl; ++id) {
      core::ClientTable& table = client_.table(id);
      for (RowId row = 0; row < kRows; ++row) {
        const std::byte* data = table.read(table.part(0), row);
        if (data != nullptr) sum += sum_of(table.spec().shape, data);
      }
    }
    return sum;
  }

  [[nodiscard]] bool control_table_is_untouched() {
    return control_rows() == control_ && shard_.rows(kControl) == kControlRows.size() && shard_.minimum(kControl) == 0;
  }

 private:
  void from_client(Rank client, wire::Message message) {
    handle({NodeId::client(client), NodeId::shard(0), std::move(message)});
  }

  void note_clock(const wire::Message& message) {
    const auto* update = std::get_if<wire::Update>(&message);
    if (update == nullptr || !update->closes) return;
    Clock& clock = clocks_[{update->table, update->worker}];
    if (update->clock == clock) ++clock;
  }

  /// Steps a message of anybody to whom it is for, and all that follows from it inside this process.
  void handle(wire::Envelope envelope) {
    const bool is_for_shard = envelope.to.is_shard();
    Outbox outbox(is_for_shard ? NodeId::shard(0) : NodeId::client(0));
    if (is_for_shard) {
      shard_.step(std::move(envelope), outbox);
    } else {
      client_.step(std::move(envelope), outbox);
    }
    deliver(outbox);
  }

  void deliver(Outbox& outbox) {
    for (wire::Envelope& envelope : outbox.envelopes()) {
      if (envelope.to == NodeId::shard(0) || envelope.to == NodeId::client(0)) {
        handle(std::move(envelope));
      } else if (const auto* rows = std::get_if<wire::Rows>(&envelope.message);
                 rows != nullptr && rows->table == kControl) {
        for (const std::byte byte : bytes_of(*rows)) control_answer_.push_back(byte);
      } else {
        check_that_it_can_be_sent(std::move(envelope));
      }
    }
  }

  /// What a shard says about hostile updates must be sound itself.
  void check_that_it_can_be_sent(wire::Envelope envelope) {
    const auto* rows = std::get_if<wire::Rows>(&envelope.message);
    if (rows != nullptr && rows->table > kControl) return;  // of a table that a frame has made
    wire::DecodeContext context = context_;
    context.rank = kHostile;
    const wire::Frame frame = test::sample_frame(envelope.from, envelope.to, std::move(envelope.message));
    wire::EncodedFrame encoded = wire::encode(frame, wire::BlockChecksum::kNone);
    const wire::Decoded decoded = wire::decode(encoded.head, encoded.block, 0, context);
    EXPECT_TRUE(decoded.frame || names_control(frame)) << decoded.problem;
  }

  static bool names_control(const wire::Frame& frame) {
    const auto* request = std::get_if<wire::ReadRequest>(&*frame.message);
    const auto* update = std::get_if<wire::Update>(&*frame.message);
    return (request != nullptr && request->table == kControl) || (update != nullptr && update->table == kControl);
  }

  static std::vector<std::byte> bytes_of(const wire::Rows& rows) {
    if (!rows.block) return {};
    return {rows.block->data, rows.block->data + rows.block->size};
  }

  /// The control table as a remote reader gets it.
  std::vector<std::byte> control_rows() {
    control_answer_.clear();
    from_client(kHostile, wire::ReadRequest{kControl, 0, kControlRows});
    return control_answer_;
  }

  BufferPool pool_;
  wire::DecodeContext context_;
  const core::Membership members_{.rank = 0, .workers = {2, 2}, .rank_of_shard = {0, 1}};
  const core::UpdaterCatalog updaters_;
  core::ServerShard shard_;
  core::ClientCore client_;
  core::Link link_{test::kJob, test::kEpoch};
  core::TimeNs now_ = 0;
  Clocks clocks_;
  std::vector<std::byte> control_answer_;
  std::vector<std::byte> control_;
};

/// Counts of one round.
struct Outcome {
  std::size_t accepted = 0;
  std::size_t refused = 0;
};

Outcome run_round(std::uint64_t seed) {
  SimRandom random(seed);
  BufferPool pool;
  Victim victim;
  Outcome outcome;
  for (std::size_t burst = 0; burst < kBurstsPerRound; ++burst) {
    test::FrameMutator mutator(random.fork(), valid_frames(pool, random, victim.clocks()));
    for (std::size_t i = 0; i < kFramesPerBurst; ++i) {
      ++(victim.receive(mutator.next()) ? outcome.accepted : outcome.refused);
    }
    victim.work(random);
    EXPECT_GE(victim.read_everything(), 0);
  }
  EXPECT_TRUE(victim.control_table_is_untouched());
  return outcome;
}

TEST(FrameFuzzTest, HostileFramesNeitherCrashNorChangeWhatTheyDoNotName) {
  const auto first_seed = static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)) + 1;
  Outcome total;
  for (std::uint64_t seed = first_seed; seed < first_seed + kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    // A crash leaves no trace but this line.
    if (seed % 20 == first_seed % 20) std::printf("seeds %llu ...\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    const Outcome outcome = run_round(seed);
    total.accepted += outcome.accepted;
    total.refused += outcome.refused;
    if (::testing::Test::HasFailure()) break;
  }
  std::printf("%zu frames accepted, %zu refused\n", total.accepted, total.refused);
  EXPECT_GE(total.accepted + total.refused, 100'000U);
  // A mutator whose frames all fail the first check would prove nothing.
  EXPECT_GE(total.accepted, 20'000U);
  EXPECT_GE(total.refused, 20'000U);
}

}  // namespace
}  // namespace bosen
