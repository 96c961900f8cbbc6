// Process's part that has workers meet, makes checkpoints there, and goes on from them.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "bosen/base/error.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {
namespace {

std::string checkpoints_in(const std::string& output) { return output + "/checkpoints"; }

/// Checkpoints of two runs in one folder could not be told apart.
void refuse_others(const std::string& output, const std::string& resumed) {
  std::error_code error;
  const store::CheckpointFolder own(checkpoints_in(output));
  if (own.clocks().empty() || (!resumed.empty() && std::filesystem::equivalent(own.path(), resumed, error))) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("{} has checkpoints of another run: go on from them with --resume {}, or name another folder "
                          "with --output",
                          own.path(), output));
}

}  // namespace

void Process::find_checkpoints() {
  const Options& options = spec_.options;
  if (!options.resume.empty()) {
    resumed_ = store::CheckpointFolder::find(options.resume);
    spec_.usable = resumed_->usable(spec_.job.rank, spec_.job.size);
  }
  if (options.checkpoint_every > 0) refuse_others(options.output, resumed_ ? resumed_->path() : "");
}

void Process::load_checkpoint(const std::vector<std::vector<store::CheckpointId>>& usable) {
  if (!resumed_) return;
  start_ = load_starting_point(*resumed_, newest_common(usable), members_, spec_.program, pool_);
  resumed_.reset();
}

void Process::make_checkpoint_writer(std::uint64_t job) {
  if (spec_.options.checkpoint_every == 0) return;
  CheckpointWriter::Settings settings;
  settings.folder = checkpoints_in(spec_.options.output);
  settings.shards = static_cast<int>(std::count(members_.rank_of_shard.begin(), members_.rank_of_shard.end(), rank()));
  settings.workers = local_workers();
  settings.head.id.job = job;
  settings.head.program = spec_.program;
  settings.head.rank = rank();
  settings.head.processes = spec_.job.size;
  settings.head.workers = members_.workers;
  settings.head.rank_of_shard = members_.rank_of_shard;
  checkpoint_writer_ = std::make_unique<CheckpointWriter>(
      std::move(settings),
      CheckpointWriter::Listener{.on_failure =
                                     [this](const Error& cause) {
                                       const Options& options = spec_.options;
                                       const std::string from =
                                           checkpoint_writer_->last_written() > 0 ? options.output : options.resume;
                                       const std::string way =
                                           from.empty() ? "" : "; make room, and go on with --resume " + from;
                                       give_up(Error(cause.kind(), cause.what() + way));
                                     },
                                 .on_idle = [this] { waiter_->wake_all(); }});
}

std::uint64_t Process::arrive_at_barrier(Clock checkpoint) {
  bool complete = false;
  std::uint64_t barrier = 0;
  {
    const std::lock_guard lock(barrier_mutex_);
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

bool Process::barrier_passed(std::uint64_t barrier) { return barriers_passed_.load() >= barrier; }

// Workers look whether the last checkpoint is written before they make another one, but a server's network thread does
// so only here.
void Process::save(core::ServerShard& shard, ShardId id) {
  std::optional<wire::ShardSnapshot> snapshot = shard.take_snapshot();
  if (!snapshot) return;
  if (!checkpoint_writer_) {
    throw Error(ErrorKind::kUsage,
                "another process makes checkpoints, and this one was started without "
                "--checkpoint-every: give all processes the same flags");
  }
  if (is_server()) checkpoint_writer_->await_idle();
  checkpoint_writer_->add(id, std::move(*snapshot));
}

void Process::finish_checkpoints() {
  if (!checkpoint_writer_) return;
  checkpoint_writer_->await_idle();
  throw_if_failed();
}

const std::vector<std::byte>* Process::kept(WorkerId worker, const std::string& name) const {
  const auto found = std::find_if(start_.kept.begin(), start_.kept.end(), [&](const store::KeptMemory& kept) {
    return kept.worker == worker && kept.name == name;
  });
  return found == start_.kept.end() ? nullptr : &found->bytes;
}

}  // namespace bosen::runtime
