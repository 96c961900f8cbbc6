#include "poseidon/sync/local_sum.h"

#include <algorithm>

namespace poseidon {

LocalSum::LocalSum(const ParameterRows& rows, LocalGradients& local, bosen::Worker& worker,
                   std::span<float* const> gradients)
    : rows_(rows),
      local_(local),
      worker_(worker),
      place_(worker.id() % local.workers),
      share_(rows.share(place_, local.workers)),
      sum_(static_cast<std::size_t>(rows.width())),
      scratch_(static_cast<std::size_t>(rows.width())) {
  local_.tensors[static_cast<std::size_t>(worker.local_id())].assign(gradients.begin(), gradients.end());
}

void LocalSum::show() {
  if (shown_ == worker_.clock()) return;
  shown_ = worker_.clock();
  seen_ = 0;
  for (int other = 0; other < local_.workers; ++other) {
    if (other != place_) local_.channel.send(worker_, at(other), shown_, {});
  }
}

bool LocalSum::is_complete() {
  for (; seen_ < local_.workers; ++seen_) {
    if (seen_ != place_ && !local_.channel.try_receive(worker_, shown_, at(seen_))) return false;
  }
  return true;
}

void LocalSum::await() {
  for (; seen_ < local_.workers; ++seen_) {
    if (seen_ != place_) (void)local_.channel.receive(worker_, shown_, at(seen_));
  }
}

std::span<const float> LocalSum::row(std::size_t row) {
  const std::span<const float> first = rows_.gather(row, tensors(0), scratch_);
  if (local_.workers == 1) return first;
  std::copy(first.begin(), first.end(), sum_.begin());
  for (int place = 1; place < local_.workers; ++place) {
    const std::span<const float> next = rows_.gather(row, tensors(place), scratch_);
    for (std::size_t i = 0; i < next.size(); ++i) sum_[i] += next[i];
  }
  return sum_;
}

}  // namespace poseidon
