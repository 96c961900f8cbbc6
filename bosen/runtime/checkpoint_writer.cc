#include "bosen/runtime/checkpoint_writer.h"

#include <iterator>

namespace bosen::runtime {

CheckpointWriter::CheckpointWriter(Settings settings, Listener listener)
    : settings_(std::move(settings)),
      listener_(std::move(listener)),
      folder_(settings_.folder),
      kept_(settings_.first_clock > 0 ? 1 : 0, settings_.first_clock),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void CheckpointWriter::add(ShardId shard, wire::ShardSnapshot snapshot) {
  const std::lock_guard lock(mutex_);
  gathered_.head.id.clock = snapshot.clock;
  gathered_.shards[shard] = std::move(snapshot);
  begin_if_whole();
}

void CheckpointWriter::add(Clock clock, std::vector<store::KeptMemory> kept) {
  const std::lock_guard lock(mutex_);
  gathered_.head.id.clock = clock;
  std::move(kept.begin(), kept.end(), std::back_inserter(gathered_.kept));
  ++workers_gathered_;
  begin_if_whole();
}

void CheckpointWriter::begin_if_whole() {
  if (static_cast<int>(gathered_.shards.size()) < settings_.shards || workers_gathered_ < settings_.workers) return;
  whole_ = std::exchange(gathered_, {});
  workers_gathered_ = 0;
  changed_.notify_all();
}

bool CheckpointWriter::idle() {
  const std::lock_guard lock(mutex_);
  return !whole_ && !writing_;
}

void CheckpointWriter::await_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !whole_ && !writing_; });
}

Clock CheckpointWriter::last_written() {
  const std::lock_guard lock(mutex_);
  return last_written_;
}

void CheckpointWriter::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return whole_.has_value(); })) {
    store::CheckpointPart part = *std::exchange(whole_, std::nullopt);
    writing_ = true;
    lock.unlock();
    write(std::move(part));
    lock.lock();
    writing_ = false;
    changed_.notify_all();
    lock.unlock();
    listener_.on_idle();
    lock.lock();
  }
}

void CheckpointWriter::write(store::CheckpointPart part) {
  const Clock clock = std::exchange(part.head, settings_.head).id.clock;
  part.head.id.clock = clock;
  if (!part.shards.empty()) {  // a process beside dedicated servers has none
    for (const wire::TableSnapshot& table : part.shards.begin()->second.tables) part.head.tables.push_back(table.spec);
  }
  try {
    folder_.write(part);
    tidy_up(clock);
    const std::lock_guard lock(mutex_);
    last_written_ = clock;
  } catch (const std::exception& error) {
    if (!std::exchange(failed_, true)) listener_.on_failure(as_error(error));
  }
}

// A process with workers has passed the checkpoint's barrier: the one before is whole everywhere, and nobody comes to
// the next one before this returns. A dedicated server passes none: others may be one checkpoint ahead of it, or
// behind.
void CheckpointWriter::tidy_up(Clock written) {
  kept_.push_back(written);
  const bool is_server = settings_.workers == 0;
  if (kept_.size() > (is_server ? 3 : 2)) kept_.erase(kept_.begin());
  is_server ? folder_.tidy_up(kept_, settings_.head.rank) : folder_.tidy_up(kept_);
}

}  // namespace bosen::runtime
