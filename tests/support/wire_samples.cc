#include "tests/support/wire_samples.h"

#include <cstring>

namespace bosen::test {

using wire::NodeId;
using wire::RowShape;

namespace {

template <class T>
void fill(std::byte* bytes, RowId id, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(id) + static_cast<T>(i);
    std::memcpy(bytes + i * sizeof(T), &value, sizeof value);
  }
}

void fill_elements(std::byte* bytes, const RowShape& shape, RowId id, std::size_t count) {
  switch (shape.element) {
    case ElementType::kFloat:
      return fill<float>(bytes, id, count);
    case ElementType::kDouble:
      return fill<double>(bytes, id, count);
    case ElementType::kInt32:
      return fill<std::int32_t>(bytes, id, count);
    case ElementType::kInt64:
      return fill<std::int64_t>(bytes, id, count);
  }
}

void append_sample(wire::BlockBuilder& builder, const RowShape& shape, RowId id, std::size_t elements) {
  if (shape.kind == RowKind::kDense) {
    fill_elements(builder.append_dense(id), shape, id, static_cast<std::size_t>(shape.width));
    return;
  }
  std::byte* record = builder.append_sparse(id, elements);
  std::memset(record + 8, 0, wire::SparseRecord::bytes(elements, shape.element_bytes()) - 8);
  Column* columns = wire::SparseRecord::columns(record);
  for (std::size_t i = 0; i < elements; ++i) columns[i] = static_cast<Column>(2 * i);
  fill_elements(record + wire::SparseRecord::values_offset(elements), shape, id, elements);
}

bool same_block(const BufferRef& a, const BufferRef& b) {
  if (!a || !b) return !a && !b;
  return a->size == b->size && a->rows == b->rows && std::memcmp(a->data, b->data, a->size) == 0;
}

// Two messages of one type.
struct Same {
  bool operator()(const wire::CreateTable& a, const wire::CreateTable& b) const {
    return a.table == b.table && a.spec == b.spec;
  }
  bool operator()(const wire::TableCreated& a, const wire::TableCreated& b) const {
    return a.table == b.table && a.problem == b.problem;
  }
  bool operator()(const wire::Update& a, const wire::Update& b) const {
    return a.table == b.table && a.worker == b.worker && a.clock == b.clock && a.closes == b.closes &&
           same_block(a.block, b.block);
  }
  bool operator()(const wire::ReadRequest& a, const wire::ReadRequest& b) const {
    return a.table == b.table && a.needed == b.needed && a.rows == b.rows;
  }
  bool operator()(const wire::Rows& a, const wire::Rows& b) const {
    return a.table == b.table && a.clock == b.clock && a.batches_applied == b.batches_applied &&
           a.is_push == b.is_push && a.completes_push == b.completes_push && same_block(a.block, b.block) &&
           a.shared.size() == b.shared.size();
  }
  bool operator()(const wire::Unsubscribe& a, const wire::Unsubscribe& b) const {
    return a.table == b.table && a.rows == b.rows;
  }
  bool operator()(const wire::BarrierArrive& a, const wire::BarrierArrive& b) const {
    return a.barrier == b.barrier && a.checkpoint == b.checkpoint;
  }
  bool operator()(const wire::BarrierRelease& a, const wire::BarrierRelease& b) const { return a.barrier == b.barrier; }
  bool operator()(const wire::ChannelData& a, const wire::ChannelData& b) const {
    return a.channel == b.channel && a.from == b.from && a.to == b.to && a.tag == b.tag && same_block(a.bytes, b.bytes);
  }
  bool operator()(const wire::ChannelCredit& a, const wire::ChannelCredit& b) const {
    return a.channel == b.channel && a.from == b.from && a.to == b.to && a.messages == b.messages;
  }
  bool operator()(const wire::CreateChannel& a, const wire::CreateChannel& b) const {
    return a.channel == b.channel && a.name == b.name && a.capacity == b.capacity;
  }
  bool operator()(const wire::ChannelCreated& a, const wire::ChannelCreated& b) const {
    return a.channel == b.channel && a.problem == b.problem;
  }
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

}  // namespace

std::optional<RowShape> sample_shape(TableId table) {
  switch (table) {
    case kDenseFloat:
      return RowShape{RowKind::kDense, ElementType::kFloat, 4};
    case kDenseDouble:
      return RowShape{RowKind::kDense, ElementType::kDouble, 3};
    case kSparseFloat:
      return RowShape{RowKind::kSparse, ElementType::kFloat, 0};
    case kSparseInt64:
      return RowShape{RowKind::kSparse, ElementType::kInt64, 0};
    default:
      return {};
  }
}

wire::DecodeContext sample_context(int processes) {
  wire::DecodeContext context;
  context.job = kJob;
  context.epoch = kEpoch;
  context.processes = processes;
  context.shards = processes;
  context.workers = 2 * processes;
  for (Rank rank = 0; rank < processes; ++rank) {
    context.rank_of_shard.push_back(rank);
    context.rank_of_worker.insert(context.rank_of_worker.end(), 2, rank);
  }
  context.shape_of = sample_shape;
  return context;
}

BufferRef sample_block(BufferPool& pool, TableId table, const std::vector<RowId>& ids, std::size_t elements) {
  const RowShape shape = *sample_shape(table);
  wire::BlockBuilder builder(pool, shape, std::size_t{64} << 20);
  // The builder learns from the first round how large a block should be.
  std::vector<BufferRef> blocks;
  while (blocks.size() != 1) {
    for (const RowId id : ids) append_sample(builder, shape, id, elements);
    blocks = builder.take();
  }
  return blocks.front();
}

wire::TableSpec sample_spec() {
  return {
      .name = "weights",
      .shape = {RowKind::kDense, ElementType::kDouble, 784},
      .consistency = Consistency::kSsp,
      .staleness = 5,
      .updater =
          {.name = "adam", .learning_rate = 0.5, .momentum = 0.25, .decay1 = 0.75, .decay2 = 0.875, .epsilon = 0.125},
      .priority = -3};
}

wire::Frame sample_frame(NodeId source, NodeId target, wire::Message message) {
  wire::Frame frame;
  frame.header = {.job = kJob, .epoch = kEpoch, .source = source, .target = target, .sequence = 1, .acknowledged = 0};
  frame.message = std::move(message);
  return frame;
}

std::vector<std::pair<std::string, wire::Frame>> sample_frames(BufferPool& pool) {
  const NodeId client = NodeId::client(1);
  const NodeId peer = NodeId::client(0);
  const NodeId own_shard = NodeId::shard(1);
  const NodeId shard = NodeId::shard(0);
  std::vector<std::pair<std::string, wire::Frame>> frames;
  const auto add = [&frames](const char* name, NodeId source, NodeId target, wire::Message message) {
    wire::Frame frame = sample_frame(source, target, std::move(message));
    frame.header.sequence = frames.size() + 1;
    frame.header.acknowledged = 7;
    frames.emplace_back(name, std::move(frame));
  };
  wire::Frame acknowledgement;
  acknowledgement.header = {.job = kJob, .epoch = kEpoch, .source = {}, .target = {}, .sequence = 0, .acknowledged = 9};
  frames.emplace_back("acknowledgement", acknowledgement);

  add("create_table", client, shard, wire::CreateTable{1, sample_spec()});
  add("table_created", own_shard, peer, wire::TableCreated{1, ""});
  add("table_not_created", own_shard, peer, wire::TableCreated{1, "rank 1 makes it differently"});
  add("update_dense", client, shard, wire::Update{kDenseFloat, 2, 11, false, sample_block(pool, kDenseFloat, {7, -1})});
  add("update_sparse", client, shard,
      wire::Update{kSparseInt64, 3, 11, true, sample_block(pool, kSparseInt64, {5, 6}, 3)});
  add("update_closing", client, shard, wire::Update{kDenseFloat, 2, 12, true, {}});
  add("update_finished", client, shard, wire::Update{kDenseFloat, 2, wire::kFinishedClock, true, {}});
  add("read_request", client, shard, wire::ReadRequest{kDenseFloat, 4, {3, -9, 1'000'000'000'000}});
  add("rows_answer", own_shard, peer,
      wire::Rows{kDenseDouble, 6, 42, false, false, sample_block(pool, kDenseDouble, {1, 2, 3}), {}, {}});
  frames.back().second.header.asks = true;
  add("rows_push", own_shard, peer,
      wire::Rows{kSparseFloat, 6, 42, true, false, sample_block(pool, kSparseFloat, {8}, 5), {}, {}});
  add("rows_push_end", own_shard, peer, wire::Rows{kDenseFloat, wire::kFinishedClock, 43, true, true, {}, {}, {}});
  add("unsubscribe", client, shard, wire::Unsubscribe{kSparseFloat, {1, 2}});
  add("barrier_arrive_with_checkpoint", client, shard, wire::BarrierArrive{16, 40});
  add("barrier_arrive", client, shard, wire::BarrierArrive{17});
  frames.back().second.header.repeated = true;
  add("barrier_release", own_shard, peer, wire::BarrierRelease{17});
  // Channels are made by the first shard, which lives on rank 0: this one comes from there.
  wire::Frame created = sample_frame(shard, client, wire::ChannelCreated{2, "rank 0 makes it differently"});
  frames.emplace_back("channel_created", created);
  add("channel_data", client, peer, wire::ChannelData{2, 3, 0, -5, sample_block(pool, kDenseFloat, {1})});
  add("channel_data_empty", client, peer, wire::ChannelData{2, 3, 1, 6, {}});
  add("channel_credit", client, peer, wire::ChannelCredit{2, 2, 1, 16});
  add("create_channel", client, shard, wire::CreateChannel{2, "factors", 64});
  acknowledgement.header.sequence = 8;
  acknowledgement.header.repeated = true;
  frames.emplace_back("acknowledgement_of_repeated", acknowledgement);
  for (auto& [name, frame] : frames) {
    // Bytes on a channel are no rows.
    if (auto* data = frame.message ? std::get_if<wire::ChannelData>(&*frame.message) : nullptr) {
      if (data->bytes) data->bytes->rows = 0;
    }
  }
  return frames;
}

BufferRef block_of(const wire::Frame& frame) {
  if (!frame.message) return {};
  if (const auto* update = std::get_if<wire::Update>(&*frame.message)) return update->block;
  if (const auto* rows = std::get_if<wire::Rows>(&*frame.message)) return rows->block;
  if (const auto* data = std::get_if<wire::ChannelData>(&*frame.message)) return data->bytes;
  return {};
}

bool same_message(const wire::Message& a, const wire::Message& b) { return std::visit(Same(), a, b); }

}  // namespace bosen::test
