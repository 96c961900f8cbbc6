#include "bosen/worker.h"

#include "bosen/runtime/worker_context.h"

namespace bosen {

WorkerId Worker::id() const { return context_->id(); }

int Worker::local_id() const { return context_->local_id(); }

int Worker::count() const { return context_->count(); }

Clock Worker::clock() const { return context_->clock(); }

void Worker::advance() { context_->advance(); }

void Worker::barrier() { context_->barrier(); }

bool Worker::checkpoint_due() const { return context_->checkpoint_due(); }

void Worker::checkpoint() { context_->checkpoint(); }

bool Worker::keep_bytes(const std::string& name, std::span<std::byte> memory, Keep rule) {
  return context_->keep(name, memory, rule == Keep::kAlways);
}

}  // namespace bosen
