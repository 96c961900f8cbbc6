#pragma once

// The only output of the core: messages to send, in order.

#include <cstdint>
#include <utility>
#include <vector>

#include "bosen/wire/messages.h"

namespace bosen::core {

using wire::Envelope;
using wire::Message;
using wire::NodeId;

/// Collects what one node says while it handles one event.
class Outbox {
 public:
  explicit Outbox(NodeId from) : from_(from) {}

  void send(NodeId to, Message message, std::int32_t priority = 0) {
    envelopes_.push_back({from_, to, std::move(message), priority});
  }
  /// What was sent before goes before it, whatever the priority, and what is sent later goes after it.
  void send_fence(NodeId to, Message message) {
    envelopes_.push_back({.from = from_, .to = to, .message = std::move(message), .is_fence = true});
  }
  [[nodiscard]] std::vector<Envelope>& envelopes() { return envelopes_; }

 private:
  NodeId from_;
  std::vector<Envelope> envelopes_;
};

}  // namespace bosen::core
