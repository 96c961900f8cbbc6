// Process's part that has workers meet, makes checkpoints there, and goes on from them.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "bosen/base/error.h"
#include "bosen/base/shell.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {
namespace {

[[noreturn]] void refuse_lonely_barrier() {
  throw Error(
      ErrorKind::kUsage,
      "a worker has ended while another one waits for it at a barrier or a checkpoint: every worker must come to "
      "each of them");
}

std::string checkpoints_in(const std::string& output) { return output + "/checkpoints"; }

/// Checkpoints of two runs in one folder could not be told apart.
void refuse_others(const std::string& output, const std::vector<store::CheckpointFolder>& resumable) {
  const store::CheckpointFolder own(checkpoints_in(output));
  const auto is_own = [&](const store::CheckpointFolder& other) {
    std::error_code error;
    return std::filesystem::equivalent(own.path(), other.path(), error);
  };
  if (own.clocks().empty() || std::any_of(resumable.begin(), resumable.end(), is_own)) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("{} has checkpoints of another run: go on from them with --resume {}, or name another folder "
                          "with --output",
                          own.path(), shell_word(output)));
}

/// What to say where a checkpoint can't be read and there is an older one.
std::string other_way(const store::CheckpointFolder& folder, Clock clock) {
  const std::vector<Clock> clocks = folder.clocks();
  const auto own = std::lower_bound(clocks.begin(), clocks.end(), clock);
  if (own == clocks.begin()) return {};
  return fmt::format("; to go on from the one before: --resume {}", shell_word(folder.folder(*std::prev(own))));
}

}  // namespace

void Process::find_checkpoints() {
  const Options& options = spec_.options;
  if (options.restart > 0 && options.checkpoint_every > 0) resumable_.emplace_back(checkpoints_in(options.output));
  if (!options.resume.empty()) resumable_.push_back(store::CheckpointFolder::find(options.resume));
  for (const store::CheckpointFolder& folder : resumable_) {
    const std::vector<store::CheckpointId> usable = folder.usable(spec_.job.rank, spec_.job.size);
    spec_.usable.insert(spec_.usable.end(), usable.begin(), usable.end());
  }
  if (options.checkpoint_every > 0) refuse_others(options.output, resumable_);
}

// A job that is started again may have failed before its first checkpoint.
void Process::load_checkpoint(const std::vector<std::vector<store::CheckpointId>>& usable) {
  if (resumable_.empty()) return;
  const std::optional<store::CheckpointId> id = newest_common(usable);
  if (!id && spec_.options.resume.empty()) return;
  if (!id) refuse_without_common(usable);
  const auto has_it = [&](const store::CheckpointFolder& folder) {
    const std::vector<store::CheckpointId> own = folder.usable(rank(), processes());
    return std::find(own.begin(), own.end(), *id) != own.end();
  };
  const auto folder = std::find_if(resumable_.begin(), resumable_.end(), has_it);
  if (folder == resumable_.end()) {
    throw Error(ErrorKind::kData, fmt::format("the checkpoint of clock {} has gone meanwhile", id->clock));
  }
  try {
    start_ = load_starting_point(*folder, *id, members_, spec_.program, pool_);
  } catch (const Error& error) {
    throw Error(error.kind(), error.what() + other_way(*folder, id->clock));
  }
}

void Process::make_checkpoint_writer(std::uint64_t run) {
  if (spec_.options.checkpoint_every == 0) return;
  CheckpointWriter::Settings settings;
  settings.folder = checkpoints_in(spec_.options.output);
  settings.shards = static_cast<int>(std::count(members_.rank_of_shard.begin(), members_.rank_of_shard.end(), rank()));
  settings.workers = local_workers();
  settings.first_clock = start_.clock;
  settings.head.id.job = run;
  settings.head.program = spec_.program;
  settings.head.rank = rank();
  settings.head.processes = spec_.job.size;
  settings.head.workers = members_.workers;
  settings.head.rank_of_shard = members_.rank_of_shard;
  checkpoint_writer_ = std::make_unique<CheckpointWriter>(
      std::move(settings),
      CheckpointWriter::Listener{
          .on_failure =
              [this](const Error& cause) {
                const Options& options = spec_.options;
                const std::string from = checkpoint_writer_->last_written() > 0 ? options.output : options.resume;
                const std::string way = from.empty() ? "" : "; make room, and go on with --resume " + shell_word(from);
                give_up(Error(cause.kind(), cause.what() + way));
              },
          .on_idle = [this] { waiter_->wake_all(); }});
}

std::optional<Clock> Process::set_newer_checkpoints_aside() {
  if (!checkpoint_writer_ || start_.clock == 0) return std::nullopt;
  return store::CheckpointFolder(checkpoints_in(spec_.options.output)).set_aside_after(start_.clock);
}

std::uint64_t Process::arrive_at_barrier(Clock checkpoint) {
  bool complete = false;
  std::uint64_t barrier = 0;
  {
    const std::lock_guard lock(barrier_mutex_);
    if (workers_ended_ > 0) refuse_lonely_barrier();
    if (barrier_arrivals_ > 0 && barrier_checkpoint_ != checkpoint) {
      throw Error(ErrorKind::kUsage,
                  "barrier() or checkpoint() of another clock, where another worker makes the checkpoint of clock " +
                      std::to_string(std::max(checkpoint, barrier_checkpoint_)) + ": all workers must do so together");
    }
    barrier_checkpoint_ = checkpoint;
    barrier = barriers_begun_ + 1;
    if (++barrier_arrivals_ == local_workers()) {
      barrier_arrivals_ = 0;
      ++barriers_begun_;
      complete = true;
    }
  }
  if (complete) with_client([&](core::Outbox& outbox) { client_->arrive_at_barrier(outbox, checkpoint); });
  return barrier;
}

void Process::end_worker() {
  const std::lock_guard lock(barrier_mutex_);
  if (barrier_arrivals_ > 0) refuse_lonely_barrier();
  ++workers_ended_;
}

bool Process::barrier_passed(std::uint64_t barrier) { return barriers_passed_.load() >= barrier; }

// Workers look whether the last checkpoint is written before they make another one, but a server's network thread does
// so only here.
void Process::save(core::ServerShard& shard, ShardId id) {
  std::optional<wire::ShardSnapshot> snapshot = shard.take_snapshot();
  if (!snapshot || !checkpoint_writer_) return;
  if (is_server()) {
    checkpoint_writer_->await_idle();
    throw_if_failed();
  }
  checkpoint_writer_->add(id, std::move(*snapshot));
}

void Process::finish_checkpoints() {
  if (!checkpoint_writer_) return;
  checkpoint_writer_->await_idle();
  throw_if_failed();
}

std::optional<std::vector<std::byte>> Process::take_kept(WorkerId worker, const std::string& name) {
  const auto found = std::find_if(start_.kept.begin(), start_.kept.end(), [&](const store::KeptMemory& kept) {
    return kept.worker == worker && kept.name == name;
  });
  if (found == start_.kept.end()) return std::nullopt;
  return std::move(found->bytes);
}

}  // namespace bosen::runtime
