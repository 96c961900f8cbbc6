#include "bosen/schedule/priority_scheduler.h"

#include <utility>

namespace bosen {
namespace {

constexpr std::uint64_t kPickStream = 13;

}  // namespace

PriorityScheduler::PriorityScheduler(std::size_t variables, const Options& options)
    : options_(options), random_(options.seed, kPickStream), priorities_(variables), looked_at_(variables, 0) {}

PriorityScheduler::Variable PriorityScheduler::pick() {
  const bool by_priority = random_.uniform() >= options_.uniform_share && priorities_.total() > 0;
  const std::size_t variable =
      by_priority ? priorities_.at(random_.uniform()) : static_cast<std::size_t>(random_.below(priorities_.size()));
  return static_cast<Variable>(variable);
}

void PriorityScheduler::look_at(Variable variable, const Admit& admit, std::vector<Variable>& chosen) {
  if (looked_at_[variable] == round_) return;
  looked_at_[variable] = round_;
  if (admit(variable)) {
    chosen.push_back(variable);
  } else if (refused_.size() < options_.round) {
    refused_.push_back(variable);
  }
}

std::vector<PriorityScheduler::Variable> PriorityScheduler::next_round(const Admit& admit) {
  ++round_;
  std::vector<Variable> chosen;
  if (priorities_.size() == 0) return chosen;
  for (const Variable variable : std::exchange(refused_, {})) look_at(variable, admit, chosen);
  const auto looks = static_cast<std::size_t>(options_.candidates * static_cast<double>(options_.round));
  for (std::size_t look = 0; look < looks && chosen.size() < options_.round; ++look) look_at(pick(), admit, chosen);
  return chosen;
}

}  // namespace bosen
