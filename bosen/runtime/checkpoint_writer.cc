#include "bosen/runtime/checkpoint_writer.h"

#include <iterator>

namespace bosen::runtime {

CheckpointWriter::CheckpointWriter(Settings settings, Listener listener)
    : settings_(std::move(settings)),
      listener_(std::move(listener)),
      folder_(settings_.folder),
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
    const Clock previous = last_written();
    folder_.tidy_up(clock, previous > 0 ? previous : settings_.first_clock);
    const std::lock_guard lock(mutex_);
    last_written_ = clock;
  } catch (const std::exception& error) {
    if (!std::exchange(failed_, true)) listener_.on_failure(as_error(error));
  }
}

}  // namespace bosen::runtime
