#include "bosen/sim/sim_job.h"

#include <string>
#include <utility>

#include "bosen/base/limits.h"

namespace bosen::sim {
namespace {

// An event's argument: a rank, and whether it crashes then or is missed by the others.
constexpr std::uint64_t kIsMissed = 1;

std::string describe(Rank rank) { return "rank " + std::to_string(rank) + " (node " + std::to_string(rank) + ")"; }

}  // namespace

class SimParticipation final : public runtime::Participation {
 public:
  SimParticipation(SimJob& job, Rank rank) : job_(job), rank_(rank) {}
  ~SimParticipation() override { job_.members_.erase(rank_); }
  bool leave() override { return job_.leave(); }
  void abort(const Error& cause) override { job_.abort(rank_, cause); }
  void abort_soon(const Error& cause) override { job_.abort(rank_, cause); }
  void report(std::string /*status*/) override {}  // nobody looks on in virtual time

 private:
  SimJob& job_;
  const Rank rank_;
};

SimJob::SimJob(Scheduler& scheduler, SimNetwork& network, const SimSpec& spec)
    : scheduler_(scheduler), network_(network), waiter_(scheduler), processes_(spec.processes()) {
  for (const CrashSpec& crash : spec.crashes) {
    const std::uint64_t rank = static_cast<std::uint64_t>(crash.node) << 1U;
    scheduler_.at(crash.at, *this, rank);
    scheduler_.at(crash.at + limits::kPeerSilenceNs, *this, rank | kIsMissed);
  }
}

std::unique_ptr<runtime::Participation> SimJob::join(Rank rank, OnFailure on_failure) {
  if (failure_) on_failure(*failure_);
  members_[rank] = std::move(on_failure);
  return std::make_unique<SimParticipation>(*this, rank);
}

bool SimJob::leave() {
  ++left_;
  waiter_.wake_all();
  while (left_ < processes_ && !failure_) waiter_.wait(waiter_.ticket(), 0);
  return !failure_;
}

void SimJob::abort(Rank rank, const Error& cause) {
  if (failure_ || left_ == processes_) return;
  fail_others(rank, Error(cause.kind(), describe(rank) + " ended the job: " + cause.what()));
}

void SimJob::fail_others(Rank rank, const Error& cause) {
  if (failure_) return;
  failure_ = cause;
  for (const auto& [member, on_failure] : members_) {
    if (member != rank) on_failure(cause);
  }
  waiter_.wake_all();
}

void SimJob::happen(std::uint64_t argument) {
  const auto rank = static_cast<Rank>(argument >> 1U);
  if ((argument & kIsMissed) == 0) {
    scheduler_.stop_node(rank);
    network_.cut_off(rank);
  } else if (left_ < processes_) {
    fail_others(rank, Error(ErrorKind::kPeerLost, describe(rank) + " crashed: no sign of life for " +
                                                      std::to_string(limits::kPeerSilenceNs / 1'000'000'000) + " s"));
  }
}

}  // namespace bosen::sim
