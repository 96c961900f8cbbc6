#include "bosen/runtime/actor.h"

#include <utility>

namespace bosen::runtime {

Actor::Actor(Handler handler, AfterBatch after_batch)
    : handler_(std::move(handler)), after_batch_(std::move(after_batch)) {}

std::size_t Actor::post(wire::Envelope envelope) {
  const std::lock_guard lock(inbox_mutex_);
  inbox_.push_back(std::move(envelope));
  has_mail_.store(true);
  return inbox_.size();
}

void Actor::drive() {
  // A thread that fails to get the mutex leaves its message to the holder, who looks again after unlocking.
  while (has_mail_.load()) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    handle_all();
  }
}

void Actor::settle() {
  if (has_mail_.load()) {
    const std::lock_guard lock(mutex_);
    handle_all();
  } else {
    const std::lock_guard lock(mutex_);  // a batch may be in somebody's hands
  }
  drive();
}

void Actor::handle_all() {
  for (;;) {
    {
      const std::lock_guard lock(inbox_mutex_);
      if (inbox_.empty()) {
        has_mail_.store(false);
        break;
      }
      batch_.swap(inbox_);
    }
    for (wire::Envelope& envelope : batch_) handler_(std::move(envelope));
    batch_.clear();
  }
  if (after_batch_) after_batch_();
}

}  // namespace bosen::runtime
