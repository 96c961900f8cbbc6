#include "bosen/wire/message_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "bosen/base/limits.h"
#include "bosen/wire/message_fields.h"

namespace bosen::wire {
namespace {

enum class Party { kClient, kShard, kFirstShard };

struct Route {
  MessageType type;
  const char* name;
  Party source;
  Party target;
};

constexpr std::array kRoutes{
    Route{MessageType::kCreateTable, "CreateTable", Party::kClient, Party::kShard},
    Route{MessageType::kTableCreated, "TableCreated", Party::kShard, Party::kClient},
    Route{MessageType::kUpdate, "Update", Party::kClient, Party::kShard},
    Route{MessageType::kReadRequest, "ReadRequest", Party::kClient, Party::kShard},
    Route{MessageType::kRows, "Rows", Party::kShard, Party::kClient},
    Route{MessageType::kUnsubscribe, "Unsubscribe", Party::kClient, Party::kShard},
    Route{MessageType::kBarrierArrive, "BarrierArrive", Party::kClient, Party::kShard},
    Route{MessageType::kBarrierRelease, "BarrierRelease", Party::kShard, Party::kClient},
    Route{MessageType::kChannelData, "ChannelData", Party::kClient, Party::kClient},
    Route{MessageType::kChannelCredit, "ChannelCredit", Party::kClient, Party::kClient},
    Route{MessageType::kCreateChannel, "CreateChannel", Party::kClient, Party::kFirstShard},
    Route{MessageType::kChannelCreated, "ChannelCreated", Party::kFirstShard, Party::kClient},
};
static_assert(kRoutes.size() == std::variant_size_v<Message>);

const Route* find_route(MessageType type) {
  const auto* route = std::find_if(kRoutes.begin(), kRoutes.end(), [type](const Route& r) { return r.type == type; });
  return route == kRoutes.end() ? nullptr : route;
}

std::string describe(NodeId node) {
  return node.is_shard() ? fmt::format("shard {}", node.shard_id()) : fmt::format("client {}", node.value);
}

// Workers are numbered in the order of their processes, and processes without workers come last.
bool is_client(NodeId node, const DecodeContext& context) {
  return !node.is_shard() && !context.rank_of_worker.empty() &&
         std::cmp_less_equal(node.value, context.rank_of_worker.back());
}

bool is_party(NodeId node, Party party, const DecodeContext& context) {
  switch (party) {
    case Party::kClient:
      return is_client(node, context);
    case Party::kShard:
      return node.is_shard() && std::cmp_less(node.shard_id(), context.rank_of_shard.size());
    case Party::kFirstShard:
      return node == NodeId::shard(0) && !context.rank_of_shard.empty();
  }
  return false;
}

// Of a party that exists.
Rank rank_of(NodeId node, const DecodeContext& context) {
  return node.is_shard() ? context.rank_of_shard[static_cast<std::size_t>(node.shard_id())] : node.rank();
}

std::string check_text(const char* what, const std::string& text, std::size_t longest) {
  if (text.size() > longest) return fmt::format("has a {} longer than {} bytes", what, longest);
  if (std::any_of(text.begin(), text.end(), is_control)) return fmt::format("has a {} that is not printable", what);
  return {};
}

std::string check_name(const char* what, const std::string& name) {
  return name.empty() ? fmt::format("has an empty {}", what) : check_text(what, name, limits::kNameBytesMax);
}

std::string check_problem(const std::string& problem) { return check_text("problem", problem, kProblemBytesMax); }

template <class Enum>
bool is_between(Enum value, Enum first, Enum last) {
  return value >= first && value <= last;
}

std::string check_shape(const RowShape& shape) {
  if (!is_between(shape.kind, RowKind::kDense, RowKind::kSparse)) return "has an unknown kind of rows";
  if (!is_between(shape.element, ElementType::kFloat, ElementType::kInt64)) return "has an unknown type of elements";
  const auto width_max = static_cast<std::int64_t>(limits::kRowBytesMax / shape.element_bytes());
  const std::int64_t width_min = shape.kind == RowKind::kDense ? 1 : 0;
  if (shape.width < width_min || shape.width > width_max) {
    return fmt::format("has a width of {}, which is not within {} and {}", shape.width, width_min, width_max);
  }
  return {};
}

std::string check_updater(const UpdaterOptions& updater) {
  for (const double value :
       {updater.learning_rate, updater.momentum, updater.decay1, updater.decay2, updater.epsilon}) {
    if (!std::isfinite(value)) return "has a hyper-parameter of its updater that is not finite";
  }
  return check_name("name of its updater", updater.name);
}

std::string check_clock(Clock clock) {
  return clock < 0 || clock > kClockMax ? fmt::format("has clock {}", clock) : std::string();
}

/// Checks one message; every overload returns why it cannot be meant, or nothing.
class MessageCheck {
 public:
  MessageCheck(NodeId source, NodeId target, const DecodeContext& context)
      : source_(source), target_(target), context_(context) {}

  std::string operator()(const CreateTable& message) const {
    if (message.table >= limits::kTablesMax) return fmt::format("makes table {}, out of bounds", message.table);
    return check_table(message.spec);
  }

  std::string operator()(const TableCreated& message) const {
    if (message.table >= limits::kTablesMax) return fmt::format("speaks of table {}, out of bounds", message.table);
    return check_problem(message.problem);
  }

  std::string operator()(const Update& message) const {
    if (!is_worker_of(message.worker, source_)) return foreign_worker(message.worker, source_);
    if (message.clock != kFinishedClock || !message.closes) {
      if (std::string problem = check_clock(message.clock); !problem.empty()) return problem;
    }
    if (!message.block && !message.closes) return "neither brings updates nor closes a clock";
    return check_rows(message.table, message.block);
  }

  std::string operator()(const ReadRequest& message) const {
    if (std::string problem = check_clock(message.needed); !problem.empty()) return problem;
    return check_row_ids(message.table, message.rows);
  }

  std::string operator()(const Rows& message) const {
    if (message.clock != kFinishedClock) {
      if (std::string problem = check_clock(message.clock); !problem.empty()) return problem;
    }
    if (message.completes_push && !message.is_push) return "completes a push and is none";
    if (!message.block && !message.completes_push) return "neither brings rows nor completes a push";
    return check_rows(message.table, message.block);
  }

  std::string operator()(const Unsubscribe& message) const { return check_row_ids(message.table, message.rows); }
  std::string operator()(const BarrierArrive& message) const {
    return message.checkpoint == kFinishedClock ? std::string() : check_clock(message.checkpoint);
  }
  std::string operator()(const BarrierRelease&) const { return {}; }

  std::string operator()(const ChannelData& message) const {
    return check_channel(message.channel, message.from, message.to);
  }

  std::string operator()(const ChannelCredit& message) const {
    if (message.messages == 0) return "gives credit for no message";
    return check_channel(message.channel, message.from, message.to);
  }

  std::string operator()(const CreateChannel& message) const {
    if (message.channel >= limits::kChannelsMax) return fmt::format("makes channel {}, out of bounds", message.channel);
    return wire::check_channel(message.name, message.capacity);
  }

  std::string operator()(const ChannelCreated& message) const {
    if (message.channel >= limits::kChannelsMax) {
      return fmt::format("speaks of channel {}, out of bounds", message.channel);
    }
    return check_problem(message.problem);
  }

 private:
  [[nodiscard]] bool is_worker_of(WorkerId worker, NodeId client) const {
    return worker >= 0 && std::cmp_less(worker, context_.rank_of_worker.size()) &&
           context_.rank_of_worker[static_cast<std::size_t>(worker)] == client.rank();
  }

  static std::string foreign_worker(WorkerId worker, NodeId client) {
    return fmt::format("names worker {}, which is not one of {}", worker, describe(client));
  }

  [[nodiscard]] std::string check_rows(TableId table, const BufferRef& block) const {
    const std::optional<RowShape> shape = context_.shape_of(table);
    if (!shape) return fmt::format("speaks of table {}, which is unknown here", table);
    if (block && !RowBlockView::check(*shape, {block->data, block->size}, block->rows)) {
      return fmt::format("brings a block that is no {} rows of table {}", block->rows, table);
    }
    return {};
  }

  [[nodiscard]] std::string check_row_ids(TableId table, const std::vector<RowId>& rows) const {
    if (rows.empty()) return "names no rows";
    return check_rows(table, {});
  }

  [[nodiscard]] std::string check_channel(std::uint32_t channel, WorkerId from, WorkerId to) const {
    if (channel >= limits::kChannelsMax) return fmt::format("speaks of channel {}, out of bounds", channel);
    if (!is_worker_of(from, source_)) return foreign_worker(from, source_);
    if (!is_worker_of(to, target_)) return foreign_worker(to, target_);
    return {};
  }

  const NodeId source_;
  const NodeId target_;
  const DecodeContext& context_;
};

}  // namespace

std::string name_of(MessageType type) {
  if (type == MessageType::kAcknowledgement) return "Acknowledgement";
  const Route* route = find_route(type);
  return route != nullptr ? route->name : fmt::format("message type {}", static_cast<int>(type));
}

std::string check_table(const TableSpec& spec) {
  if (std::string problem = check_shape(spec.shape); !problem.empty()) return problem;
  if (!is_between(spec.consistency, Consistency::kBsp, Consistency::kAsp)) return "has an unknown consistency";
  if (spec.staleness < 0 || spec.staleness > kClockMax) {
    return fmt::format("has staleness {}, which is not within 0 and {}", spec.staleness, kClockMax);
  }
  if (std::string problem = check_updater(spec.updater); !problem.empty()) return problem;
  return check_name("name", spec.name);
}

std::string check_channel(const std::string& name, std::int32_t capacity) {
  if (capacity < 1) return fmt::format("has capacity {}, it must be at least 1", capacity);
  return check_name("name", name);
}

std::string check_route(MessageType type, NodeId source, NodeId target, Rank peer, const DecodeContext& context) {
  const Route* route = find_route(type);
  if (route == nullptr) return "is unknown to this build";
  if (!is_party(source, route->source, context)) return fmt::format("may not come from {}", describe(source));
  if (!is_party(target, route->target, context)) return fmt::format("may not go to {}", describe(target));
  if (rank_of(source, context) != peer) return fmt::format("says that it comes from {}", describe(source));
  if (context.rank && rank_of(target, context) != *context.rank) {
    return fmt::format("is for {}, which does not live here", describe(target));
  }
  return {};
}

std::string check_message(const Message& message, NodeId source, NodeId target, const DecodeContext& context) {
  return std::visit(MessageCheck(source, target, context), message);
}

}  // namespace bosen::wire
