#include "bosen/sim/node_pace.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bosen/base/random.h"

namespace bosen::sim {
namespace {

constexpr std::uint64_t kPauseStream = 0x2000;            // and the rule's number
constexpr TimeNs kLongestNs = 1'000'000'000'000'000'000;  // what a time_limit_s may be

}  // namespace

bool concerns(const StragglerSpec& rule, int node) {
  return rule.nodes.empty() || std::find(rule.nodes.begin(), rule.nodes.end(), node) != rule.nodes.end();
}

NodePace::NodePace(const SimSpec& spec)
    : seed_(spec.seed),
      slowness_(static_cast<std::size_t>(spec.processes()), 1),
      pauses_(static_cast<std::size_t>(spec.processes())) {
  for (std::size_t rule = 0; rule < spec.stragglers.size(); ++rule) {
    const StragglerSpec& straggler = spec.stragglers[rule];
    for (int node = 0; node < spec.processes(); ++node) {
      if (!concerns(straggler, node)) continue;
      const auto place = static_cast<std::size_t>(node);
      if (straggler.kind == StragglerSpec::Kind::kSlowNode) slowness_[place] *= straggler.factor;
      if (straggler.kind != StragglerSpec::Kind::kPauses || straggler.lasting == 0) continue;
      pauses_[place].push_back({.rule = rule, .every = straggler.every, .lasting = straggler.lasting});
    }
  }
}

TimeNs NodePace::next_begin(Pauses& pauses, int node, TimeNs now) const {
  std::vector<TimeNs>& begins = pauses.begins;
  while (begins.empty() || begins.back() + pauses.lasting <= now) {
    Random random(Random(seed_, kPauseStream + pauses.rule).next(), static_cast<std::uint64_t>(node), begins.size());
    const TimeNs before = begins.empty() ? 0 : begins.back() + pauses.lasting;
    const double gap = -std::log(1 - random.uniform()) * static_cast<double>(pauses.every - pauses.lasting);
    begins.push_back(before + static_cast<TimeNs>(std::clamp(gap, 0.0, static_cast<double>(kLongestNs))));
  }
  return *std::upper_bound(begins.begin(), begins.end(), now - pauses.lasting);
}

TimeNs NodePace::goes_at(int node, TimeNs now) {
  TimeNs goes = now;
  bool paused = true;
  while (paused) {  // the end of one rule's pause may lie in another's
    paused = false;
    for (Pauses& pauses : pauses_[static_cast<std::size_t>(node)]) {
      const TimeNs begin = next_begin(pauses, node, goes);
      if (begin > goes) continue;
      goes = begin + pauses.lasting;
      paused = true;
    }
  }
  return goes;
}

TimeNs NodePace::stretched(int node, TimeNs begin, double work) {
  TimeNs now = goes_at(node, begin);
  auto left = static_cast<TimeNs>(std::min(work, static_cast<double>(kLongestNs)));
  while (now < 2 * kLongestNs) {
    TimeNs pause = std::numeric_limits<TimeNs>::max();
    for (Pauses& pauses : pauses_[static_cast<std::size_t>(node)]) {
      pause = std::min(pause, next_begin(pauses, node, now));
    }
    if (pause - now >= left) return now + left - begin;
    left -= pause - now;
    now = goes_at(node, pause);
  }
  return now - begin;
}

}  // namespace bosen::sim
