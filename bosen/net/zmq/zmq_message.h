#pragma once

#include <zmq.h>

#include <cstddef>
#include <span>

#include "bosen/base/assert.h"
#include "bosen/base/buffer.h"

namespace bosen::net {

/// One part of a message as libzmq holds it. Single-threaded; may outlive its socket.
class ZmqMessage {
 public:
  ZmqMessage() { BOSEN_ASSERT(zmq_msg_init(&message_) == 0); }
  ZmqMessage(ZmqMessage&& other) noexcept : ZmqMessage() { zmq_msg_move(&message_, &other.message_); }
  ZmqMessage& operator=(ZmqMessage&& other) noexcept {
    zmq_msg_move(&message_, &other.message_);
    return *this;
  }
  ~ZmqMessage() { zmq_msg_close(&message_); }

  /// With a copy of the bytes.
  static ZmqMessage copy_of(std::span<const std::byte> bytes);
  /// With the bytes of the block itself, which is held until they have left.
  static ZmqMessage share(BufferRef block);

  zmq_msg_t* get() { return &message_; }
  /// Whether another part of the same message follows.
  [[nodiscard]] bool has_more() const { return zmq_msg_more(&message_) != 0; }
  [[nodiscard]] std::span<std::byte> bytes() {
    return {static_cast<std::byte*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }

 private:
  zmq_msg_t message_;
};

/// A buffer with the bytes of a message: the message's own memory where it is large and aligned, else a copy.
BufferRef to_buffer(ZmqMessage message, BufferPool& pool);

}  // namespace bosen::net
