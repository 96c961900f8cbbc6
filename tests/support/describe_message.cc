#include "tests/support/describe_message.h"

#include "tests/support/core_cluster.h"

namespace bosen::testing {
namespace {

std::string clock_text(Clock clock) {
  return clock == wire::kFinishedClock ? std::string("the end") : "clock " + std::to_string(clock);
}

std::string ids_text(const std::vector<RowId>& rows) {
  std::string text = rows.size() == 1 ? "row" : "rows";
  for (const RowId row : rows) text += " " + std::to_string(row);
  return text;
}

std::string rows_text(const wire::RowShape& shape, const BufferRef& block) {
  if (!block) return {};
  std::string text;
  const wire::RowBlockView view(shape, *block);
  for (std::size_t i = 0; i < view.size(); ++i) {
    text += (i == 0 ? "" : " ") + std::to_string(view.id(i)) + "=" + describe_row(shape, block->data + view.offset(i));
  }
  return text;
}

struct Describer {
  const wire::RowShape& shape;

  std::string operator()(const wire::CreateTable& message) const { return "makes table '" + message.spec.name + "'"; }
  std::string operator()(const wire::TableCreated& message) const {
    return message.problem.empty() ? "table is made" : "table is not made: " + message.problem;
  }
  std::string operator()(const wire::CreateChannel& message) const { return "makes channel '" + message.name + "'"; }
  std::string operator()(const wire::ChannelCreated& message) const {
    return message.problem.empty() ? "channel is made" : "channel is not made: " + message.problem;
  }
  std::string operator()(const wire::Update& message) const {
    std::string text = "worker " + std::to_string(message.worker);
    if (message.block) text += " adds " + rows_text(shape, message.block);
    if (message.block && message.closes) text += " and";
    if (message.closes) {
      text += message.clock == wire::kFinishedClock ? " has finished" : " ends " + clock_text(message.clock);
    }
    return text;
  }
  std::string operator()(const wire::ReadRequest& message) const {
    return "wants " + ids_text(message.rows) + " with all updates before " + clock_text(message.needed);
  }
  std::string operator()(const wire::Rows& message) const {
    std::string rows = rows_text(shape, message.block);
    for (const wire::RowReference& row : message.shared) {
      rows += (rows.empty() ? "" : " ") + std::to_string(row.id) + "=" + describe_row(shape, row.data);
    }
    const std::string verb = rows.empty() ? "says that nothing changed" : message.is_push ? "pushes " : "answers ";
    return verb + rows + " as of " + clock_text(message.clock) + ", with " + std::to_string(message.batches_applied) +
           " of your updates";
  }
  std::string operator()(const wire::Unsubscribe& message) const { return "has dropped " + ids_text(message.rows); }
  std::string operator()(const wire::BarrierArrive& message) const {
    return "is at barrier " + std::to_string(message.barrier);
  }
  std::string operator()(const wire::BarrierRelease& message) const {
    return "all are at barrier " + std::to_string(message.barrier);
  }
  std::string operator()(const wire::ChannelData& message) const {
    return "worker " + std::to_string(message.from) + " sends worker " + std::to_string(message.to) + " a message";
  }
  std::string operator()(const wire::ChannelCredit& message) const {
    return "worker " + std::to_string(message.from) + " took " + std::to_string(message.messages) +
           " message(s) of worker " + std::to_string(message.to);
  }
};

}  // namespace

std::string describe(wire::NodeId node) {
  return node.is_shard() ? "shard " + std::to_string(node.shard_id()) : "process " + std::to_string(node.rank());
}

std::string describe(const wire::Message& message, const wire::RowShape& shape) {
  return std::visit(Describer{shape}, message);
}

std::string describe_row(const wire::RowShape& shape, const std::byte* row) {
  const std::vector<std::int64_t> elements = elements_of(shape, row);
  const bool dense = shape.kind == RowKind::kDense;
  std::string text = dense ? "[" : "{";
  for (std::size_t i = 0; i < elements.size(); i += dense ? 1 : 2) {
    if (i > 0) text += " ";
    text += std::to_string(elements[i]);
    if (!dense) text += ":" + std::to_string(elements[i + 1]);
  }
  return text + (dense ? "]" : "}");
}

}  // namespace bosen::testing
