#include "bosen/net/zmq/zmq_message.h"

#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "bosen/net/zmq/thread_sanitizer.h"

namespace bosen::net {
namespace {

// Smaller parts may lie inside libzmq's read buffer and would keep all of it.
constexpr std::size_t kOwnMemoryBytes = 16384;

/// A received part, given back to libzmq with its last reference.
class MessageOwner final : public BufferOwner {
 public:
  explicit MessageOwner(ZmqMessage message)
      : message_(std::move(message)), buffer_(*this, message_.bytes().data(), message_.bytes().size()) {
    buffer_.size = buffer_.capacity;
  }
  Buffer* buffer() { return &buffer_; }
  void release(Buffer* /*buffer*/) override { delete this; }

 private:
  ZmqMessage message_;
  Buffer buffer_;
};

// Called by libzmq, mostly in its own thread.
void drop_block(void* /*data*/, void* block) {
  taken_over(block);
  static_cast<Buffer*>(block)->release();
}

}  // namespace

ZmqMessage ZmqMessage::copy_of(std::span<const std::byte> bytes) {
  ZmqMessage message;
  if (zmq_msg_init_size(&message.message_, bytes.size()) != 0) throw std::bad_alloc();
  std::memcpy(zmq_msg_data(&message.message_), bytes.data(), bytes.size());
  return message;
}

ZmqMessage ZmqMessage::share(BufferRef block) {
  ZmqMessage message;
  handed_over(block.get());
  if (zmq_msg_init_data(&message.message_, block->data, block->size, drop_block, block.get()) != 0) {
    throw std::bad_alloc();
  }
  static_cast<void>(block.detach());  // drop_block has it
  return message;
}

BufferRef to_buffer(ZmqMessage message, BufferPool& pool) {
  const std::span<std::byte> bytes = message.bytes();
  if (bytes.size() >= kOwnMemoryBytes && reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 == 0) {
    return BufferRef::adopt((new MessageOwner(std::move(message)))->buffer());
  }
  BufferRef block = pool.take(bytes.size());
  std::memcpy(block->data, bytes.data(), bytes.size());
  block->size = bytes.size();
  return block;
}

}  // namespace bosen::net
