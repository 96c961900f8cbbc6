#include "bosen/channel.h"

#include "bosen/base/error.h"
#include "bosen/runtime/channel_handle.h"

namespace bosen {
namespace {

runtime::ChannelHandle& made(runtime::ChannelHandle* handle) {
  if (handle != nullptr) return *handle;
  throw Error(ErrorKind::kUsage, "a channel is used that was not made: assign it what create_channel returns");
}

ChannelMessage to_message(const wire::ChannelData& data) {
  ChannelMessage message{.from = data.from, .tag = data.tag, .bytes = {}};
  // A frame of an empty message brings no block.
  if (data.bytes) message.bytes.assign(data.bytes->data, data.bytes->data + data.bytes->size);
  return message;
}

}  // namespace

void Channel::send(Worker& worker, WorkerId to, std::int64_t tag, std::span<const std::byte> bytes) const {
  made(handle_).send(worker.context(), to, tag, bytes);
}

Traffic Channel::traffic() const { return made(handle_).traffic(); }

ChannelMessage Channel::receive(Worker& worker, std::int64_t tag, std::optional<WorkerId> from) const {
  return to_message(made(handle_).receive(worker.context(), tag, from));
}

std::optional<ChannelMessage> Channel::try_receive(Worker& worker, std::int64_t tag,
                                                   std::optional<WorkerId> from) const {
  const auto data = made(handle_).try_receive(worker.context(), tag, from);
  if (!data) return {};
  return to_message(*data);
}

}  // namespace bosen
