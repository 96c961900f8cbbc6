#include "bosen/runtime/channel_handle.h"

#include <cstring>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {
namespace {

constexpr Wait kOnChannel{.state = monitor::WorkerState::kOnChannel};

}  // namespace

void ChannelHandle::check_worker(const WorkerContext& worker, WorkerId other) const {
  if (other >= 0 && other < worker.count()) return;
  throw Error(ErrorKind::kUsage, "channel '" + channel_.name() + "': there is no worker " + std::to_string(other) +
                                     ", the job has " + std::to_string(worker.count()));
}

Traffic ChannelHandle::traffic() const { return process_.channel_traffic(id_); }

BufferRef ChannelHandle::message_of(std::span<const std::byte> bytes) {
  if (bytes.size() > limits::kRowBytesMax) {
    throw Error(ErrorKind::kUsage, "channel '" + channel_.name() + "': a message of " + std::to_string(bytes.size()) +
                                       " bytes is too long, at most " + std::to_string(limits::kRowBytesMax));
  }
  BufferRef message = process_.pool().take(bytes.size());
  if (!bytes.empty()) std::memcpy(message->data, bytes.data(), bytes.size());
  message->size = bytes.size();
  return message;
}

bool ChannelHandle::pass_on(WorkerContext& worker, WorkerId to, std::int64_t tag, const BufferRef& message) {
  bool sent = false;
  process_.with_client([&](core::Outbox& outbox) { sent = channel_.send(worker.id(), to, tag, message, outbox); });
  return sent;
}

bool ChannelHandle::try_send(WorkerContext& worker, WorkerId to, std::int64_t tag, std::span<const std::byte> bytes) {
  check_worker(worker, to);
  const bool sent = pass_on(worker, to, tag, message_of(bytes));
  if (sent) process_.wake_workers();
  return sent;
}

void ChannelHandle::send(WorkerContext& worker, WorkerId to, std::int64_t tag, std::span<const std::byte> bytes) {
  check_worker(worker, to);
  const BufferRef message = message_of(bytes);
  const auto is_sent = [&] { return pass_on(worker, to, tag, message); };
  if (!is_sent()) {
    worker.wait_until(kOnChannel, is_sent, [&] {
      return "worker " + std::to_string(to) + " to receive from channel '" + channel_.name() + "'";
    });
  }
  process_.wake_workers();
}

std::optional<wire::ChannelData> ChannelHandle::try_receive(WorkerContext& worker, std::int64_t tag,
                                                            std::optional<WorkerId> from) {
  if (from) check_worker(worker, *from);
  std::optional<wire::ChannelData> data;
  process_.with_client([&](core::Outbox& outbox) { data = channel_.receive(worker.id(), tag, from, outbox); });
  if (data) process_.wake_workers();  // a local sender may have room again
  return data;
}

wire::ChannelData ChannelHandle::receive(WorkerContext& worker, std::int64_t tag, std::optional<WorkerId> from) {
  std::optional<wire::ChannelData> data = try_receive(worker, tag, from);
  if (!data) {
    worker.wait_until(
        kOnChannel, [&] { return (data = try_receive(worker, tag, from)).has_value(); },
        [&] { return "a message with tag " + std::to_string(tag) + " on channel '" + channel_.name() + "'"; });
  }
  return std::move(*data);
}

}  // namespace bosen::runtime
