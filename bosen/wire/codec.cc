#include "bosen/wire/codec.h"

#include <fmt/format.h>

#include <algorithm>

#include "bosen/base/assert.h"
#include "bosen/base/limits.h"
#include "bosen/wire/checksum.h"
#include "bosen/wire/frame_header.h"
#include "bosen/wire/message_check.h"
#include "bosen/wire/message_fields.h"

namespace bosen::wire {
namespace {

// A checksum over a block up to this size costs less than a microsecond.
constexpr std::size_t kBlockAlwaysCheckedBytes = 4096;

// A clock below zero asks for nothing more than clock 0 does, the oldest there is.
Clock wire_clock(Clock clock) { return std::max<Clock>(clock, 0); }

// Whatever an app says of what went wrong in it, a receiver must take it.
std::string as_problem(const std::string& text) {
  std::string problem = text.substr(0, kProblemBytesMax);
  std::replace_if(problem.begin(), problem.end(), is_control, ' ');
  return problem;
}

/// Appends a message's meta part to a head; fills in the header's part of it.
struct Encoder {
  WireHeader& header;
  EncodedFrame& encoded;

  template <class M>
  void operator()(const M& message) {
    header.type = static_cast<std::uint8_t>(Layout<M>::kType);
    MetaWriter writer(encoded.head);
    if constexpr (HasClock<M>) header.clock = wire_clock(Layout<M>::clock(message));
    if constexpr (HasBlock<M>) {
      const BufferRef& block = Layout<M>::block(message);
      if (block && block->size > 0) {
        encoded.block = block;
        writer.block_rows = block->rows;
      }
    }
    if constexpr (requires { message.shared; }) {
      BOSEN_ASSERT(message.shared.empty() && message.blocks.empty());  // only for receivers in this process
    }
    if constexpr (requires { message.rows; }) BOSEN_ASSERT(message.rows.size() <= limits::kRowsPerRequestMax);
    if constexpr (requires { message.problem; }) {
      M told = message;
      told.problem = as_problem(message.problem);
      Layout<M>::fields(writer, told);
    } else {
      Layout<M>::fields(writer, message);
    }
  }
};

Decoded problem(std::string text) { return {std::nullopt, std::move(text)}; }

template <class M>
std::string read(const WireHeader& header, std::span<const std::byte> meta, BufferRef& block,
                 std::optional<Message>& result) {
  M message;
  MetaReader reader(meta);
  Layout<M>::fields(reader, message);
  reader.finish();
  if (!reader.problem.empty()) return reader.problem;
  if constexpr (HasClock<M>) {
    Layout<M>::clock(message) = header.clock;
  } else if (header.clock != 0) {
    return "has a clock, which it has no use for";
  }
  if constexpr (HasBlock<M>) {
    if (block) block->rows = reader.block_rows;
    if (!block && reader.block_rows != 0) return "counts rows of a block that is not there";
    Layout<M>::block(message) = std::move(block);
  } else if (block) {
    return "has a block, which it has no use for";
  }
  result = std::move(message);
  return {};
}

std::string read_message(const WireHeader& header, std::span<const std::byte> meta, BufferRef block,
                         std::optional<Message>& message) {
  switch (static_cast<MessageType>(header.type)) {
    case MessageType::kAcknowledgement:
      break;
    case MessageType::kCreateTable:
      return read<CreateTable>(header, meta, block, message);
    case MessageType::kTableCreated:
      return read<TableCreated>(header, meta, block, message);
    case MessageType::kUpdate:
      return read<Update>(header, meta, block, message);
    case MessageType::kReadRequest:
      return read<ReadRequest>(header, meta, block, message);
    case MessageType::kRows:
      return read<Rows>(header, meta, block, message);
    case MessageType::kUnsubscribe:
      return read<Unsubscribe>(header, meta, block, message);
    case MessageType::kBarrierArrive:
      return read<BarrierArrive>(header, meta, block, message);
    case MessageType::kBarrierRelease:
      return read<BarrierRelease>(header, meta, block, message);
    case MessageType::kChannelData:
      return read<ChannelData>(header, meta, block, message);
    case MessageType::kChannelCredit:
      return read<ChannelCredit>(header, meta, block, message);
    case MessageType::kCreateChannel:
      return read<CreateChannel>(header, meta, block, message);
    case MessageType::kChannelCreated:
      return read<ChannelCreated>(header, meta, block, message);
  }
  return "is unknown to this build";
}

std::string check_sizes(const WireHeader& header, std::size_t meta_bytes, const BufferRef& block) {
  if ((header.flags & ~(kFlagBlock | kFlagBlockChecked | kFlagAsks | kFlagRepeated)) != 0) {
    return fmt::format("has unknown flags {:#x}", header.flags);
  }
  const bool has_block = (header.flags & kFlagBlock) != 0;
  if (has_block != static_cast<bool>(block)) return has_block ? "came without its block" : "came with a block too many";
  if (!has_block && (header.flags & kFlagBlockChecked) != 0) return "has a checksum of a block that is not there";
  if (has_block && block->size == 0) return "has an empty block";
  const std::size_t body_bytes = meta_bytes + (has_block ? block->size : 0);
  if (header.body_length != body_bytes) {
    return fmt::format("has a body of {} bytes, its header says {}", body_bytes, header.body_length);
  }
  if (body_bytes > limits::kFrameBodyBytesMax) {
    return fmt::format("has a body of {} bytes, more than the {} allowed", body_bytes, limits::kFrameBodyBytesMax);
  }
  return {};
}

std::uint32_t body_crc32c(std::span<const std::byte> meta, const BufferRef& block, std::uint8_t flags) {
  const std::uint32_t crc = crc32c(meta);
  return (flags & kFlagBlockChecked) != 0 ? crc32c({block->data, block->size}, crc) : crc;
}

std::string check_acknowledgement(const WireHeader& header) {
  // It belongs to the link between two processes and to no party of theirs.
  if (header.source != 0 || header.target != 0 || header.clock != 0) return "speaks for a party";
  if ((header.sequence != 0) != ((header.flags & kFlagRepeated) != 0)) return "is numbered, or answers no frame";
  if (header.body_length != 0) return "has a body";
  if ((header.flags & kFlagAsks) != 0) return "asks for another";
  return {};
}

}  // namespace

EncodedFrame encode(const Frame& frame, BlockChecksum checksum) {
  WireHeader header;
  header.type = static_cast<std::uint8_t>(MessageType::kAcknowledgement);
  header.job = frame.header.job;
  header.epoch = frame.header.epoch;
  header.source = frame.header.source.value;
  header.target = frame.header.target.value;
  header.sequence = frame.header.sequence;
  header.acknowledged = frame.header.acknowledged;

  EncodedFrame encoded;
  encoded.head.reserve(kHeaderBytes + 64);
  encoded.head.resize(kHeaderBytes);
  if (frame.message) std::visit(Encoder{header, encoded}, *frame.message);

  const std::size_t block_bytes = encoded.block ? encoded.block->size : 0;
  const std::size_t body_bytes = encoded.head.size() - kHeaderBytes + block_bytes;
  BOSEN_ASSERT(body_bytes <= limits::kFrameBodyBytesMax);
  header.body_length = static_cast<std::uint32_t>(body_bytes);
  if (encoded.block) {
    header.flags = kFlagBlock;
    const bool checked = checksum == BlockChecksum::kCrc32c || block_bytes <= kBlockAlwaysCheckedBytes;
    if (checked) header.flags |= kFlagBlockChecked;
  }
  if (frame.header.asks) header.flags |= kFlagAsks;
  if (frame.header.repeated) header.flags |= kFlagRepeated;
  const std::span<std::byte> head(encoded.head);
  header.body_crc32c = body_crc32c(head.subspan(kHeaderBytes), encoded.block, header.flags);
  store_header(head.first<kHeaderBytes>(), header);
  return encoded;
}

Decoded decode(std::span<const std::byte> head, BufferRef block, Rank peer, const DecodeContext& context) {
  if (head.size() < kHeaderBytes) {
    return problem(fmt::format("frame of {} bytes is shorter than its header", head.size()));
  }
  if (std::string text = check_header(head.first<kHeaderBytes>()); !text.empty()) return problem("frame " + text);
  const WireHeader header = load_header(head.first<kHeaderBytes>());
  if (header.job != context.job) return problem(fmt::format("frame belongs to another job, {:#018x}", header.job));
  if (header.epoch != context.epoch) {
    return problem(fmt::format("frame belongs to epoch {}, this process is in {}", header.epoch, context.epoch));
  }
  const auto type = static_cast<MessageType>(header.type);
  const auto explain = [type](const std::string& text) { return problem(name_of(type) + " " + text); };
  const std::span<const std::byte> meta = head.subspan(kHeaderBytes);
  if (meta.size() > kMetaBytesMax) return explain(fmt::format("has a meta part of {} bytes", meta.size()));
  if (std::string text = check_sizes(header, meta.size(), block); !text.empty()) return explain(text);
  const std::uint32_t crc = body_crc32c(meta, block, header.flags);
  if (header.body_crc32c != crc) {
    return explain(fmt::format("body checksum is {:#010x}, its bytes give {:#010x}", header.body_crc32c, crc));
  }

  Frame frame;
  frame.header = {.job = header.job,
                  .epoch = header.epoch,
                  .source = {header.source},
                  .target = {header.target},
                  .sequence = header.sequence,
                  .acknowledged = header.acknowledged,
                  .asks = (header.flags & kFlagAsks) != 0,
                  .repeated = (header.flags & kFlagRepeated) != 0};
  if (type == MessageType::kAcknowledgement) {
    if (std::string text = check_acknowledgement(header); !text.empty()) return explain(text);
    return {std::move(frame), {}};
  }
  if (header.sequence == 0) return explain("is not numbered");
  std::string text = check_route(type, frame.header.source, frame.header.target, peer, context);
  if (text.empty()) text = read_message(header, meta, std::move(block), frame.message);
  if (text.empty()) text = check_message(*frame.message, frame.header.source, frame.header.target, context);
  if (!text.empty()) return explain(text);
  return {std::move(frame), {}};
}

}  // namespace bosen::wire
