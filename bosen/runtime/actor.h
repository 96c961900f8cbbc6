#pragma once

// A single-threaded part of the core (the client, a shard) with an inbox. It has no thread of its own: whoever has
// posted to it, or waits for its answer, drives it; so a message costs no change of threads where none is needed.
//
// Thread safety: every function by any thread. The handler runs under the actor's mutex, one message at a time, in the
// order in which they were posted. Handlers may post to other actors but must not drive them.

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "bosen/wire/messages.h"

namespace bosen::runtime {

class Actor {
 public:
  using Handler = std::function<void(wire::Envelope)>;
  /// Runs after a batch of messages, still under the mutex.
  using AfterBatch = std::function<void()>;

  explicit Actor(Handler handler, AfterBatch after_batch = {});

  /// Returns how many messages wait now.
  std::size_t post(wire::Envelope envelope);

  /// Handles what was posted, unless another thread is at it: then that thread handles it too. Never waits.
  void drive();

  /// Returns when all that was posted before the call is handled. Waits for a thread that is at it.
  void settle();

  [[nodiscard]] bool has_mail() const { return has_mail_.load(); }

  /// To call functions of what the actor wraps. Who unlocks drives the actor then: others leave their messages to the
  /// holder.
  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

 private:
  void handle_all();

  const Handler handler_;
  const AfterBatch after_batch_;
  std::mutex mutex_;
  std::mutex inbox_mutex_;  // a leaf; guards inbox_
  std::vector<wire::Envelope> inbox_;
  std::vector<wire::Envelope> batch_;  // guarded by mutex_
  std::atomic<bool> has_mail_{false};  // sequentially consistent: no message is left when the last driver goes
};

}  // namespace bosen::runtime
