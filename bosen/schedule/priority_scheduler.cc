#include "bosen/schedule/priority_scheduler.h"

#include <algorithm>
#include <utility>

namespace bosen {
namespace {

constexpr std::uint64_t kPickStream = 13;
// Of what was never reported: less than anything that is.
constexpr double kUnknown = 1e-200;

}  // namespace

PriorityScheduler::PriorityScheduler(std::size_t variables, const Options& options)
    : options_(options),
      random_(options.seed, kPickStream),
      priorities_(std::vector<double>(variables, kUnknown)),
      looked_at_(variables, 0) {}

std::optional<PriorityScheduler::Variable> PriorityScheduler::pick() {
  if (random_.uniform() < options_.uniform_share) return static_cast<Variable>(random_.below(priorities_.size()));
  if (priorities_.total() == 0) return std::nullopt;
  return static_cast<Variable>(priorities_.at(random_.uniform()));
}

// A candidate has no priority until the round is complete, so that no pick comes upon it again.
void PriorityScheduler::look_at(Variable variable, const Admit& admit, std::vector<Variable>& chosen) {
  if (looked_at_[variable] == round_) return;
  looked_at_[variable] = round_;
  const double priority = priorities_.weight(variable);
  if (priority > 0) priorities_.set(variable, 0);
  if (admit(variable)) {
    chosen.push_back(variable);
  } else {
    refused_.push_back({.variable = variable, .priority = priority});
  }
}

std::vector<PriorityScheduler::Variable> PriorityScheduler::next_round(const Admit& admit) {
  ++round_;
  std::vector<Variable> chosen;
  if (priorities_.size() == 0) return chosen;
  const std::vector<Refusal> first = std::exchange(refused_, {});
  for (std::size_t i = 0; i < std::min(first.size(), options_.round); ++i) look_at(first[i].variable, admit, chosen);
  const auto looks = static_cast<std::size_t>(options_.candidates * static_cast<double>(options_.round));
  for (std::size_t look = 0; look < looks && chosen.size() < options_.round; ++look) {
    if (priorities_.total() == 0 && options_.uniform_share == 0) break;
    if (const auto variable = pick()) look_at(*variable, admit, chosen);
  }
  for (const Refusal& refusal : refused_) priorities_.set(refusal.variable, refusal.priority);
  return chosen;
}

}  // namespace bosen
