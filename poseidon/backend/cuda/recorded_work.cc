#include "poseidon/backend/cuda/recorded_work.h"

#include <utility>

#include "bosen/error.h"

namespace poseidon::cuda {
namespace {

/// In the first ones operations take memory and look for the fastest way.
constexpr int kPlainRuns = 2;

}  // namespace

RecordedWork::RecordedWork(Device& device, std::function<void()> ask, std::function<void(const std::string&)> tell)
    : device_(device), ask_(std::move(ask)), tell_(std::move(tell)) {}

bool RecordedWork::is_current() const { return recording_ && scratch_moves_ == device_.scratch_moves(); }

void RecordedWork::run() {
  if (plain_runs_ < kPlainRuns) {
    ++plain_runs_;
    ask_();
    return;
  }
  if (!refused_ && !is_current()) record();
  if (refused_) {
    ask_();
  } else {
    recording_->repeat();
  }
}

// What is wrong with the work itself shows again when it is asked for.
void RecordedWork::record() {
  recording_.reset();
  try {
    recording_ = device_.record(ask_);
    scratch_moves_ = device_.scratch_moves();
  } catch (const bosen::Error& error) {
    refused_ = true;
    tell_(std::string("work is asked for kernel by kernel, which takes longer: ") + error.what());
  }
}

}  // namespace poseidon::cuda
