#include "apps/mlr/learner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bosen/random.h"

namespace mlr {
namespace {

// Without it the first step of every weight would be a whole learning rate, however small its gradient, and all workers
// would take it at once.
constexpr float kFirstSquare = 0.003F;

}  // namespace

std::int64_t clocks_per_epoch(std::size_t examples, int workers, const LearnerOptions& options) {
  const auto all = static_cast<std::int64_t>(examples);
  // No worker may have an empty part of a batch.
  return std::min((all + options.batch - 1) / options.batch, all / workers);
}

Learner::Learner(const Examples& train, std::vector<float> means, WorkerPlace place, const LearnerOptions& options)
    : options_(options),
      place_(place),
      epoch_clocks_(clocks_per_epoch(train.size(), place.workers, options)),
      train_(train),
      model_(train.classes, std::move(means)),
      updates_(model_.row_width() * static_cast<std::size_t>(train.classes)),
      squares_(updates_.size(), kFirstSquare) {
  const auto count = static_cast<std::size_t>(place.workers);
  for (auto i = static_cast<std::size_t>(place.worker); i < train.size(); i += count) {
    order_.push_back(static_cast<std::uint32_t>(i));
  }
}

void Learner::begin_epoch(std::int64_t epoch) {
  bosen::Random(options_.seed, static_cast<std::uint64_t>(place_.worker), static_cast<std::uint64_t>(epoch))
      .shuffle(std::span(order_));
  epoch_ = {.rate = options_.learning_rate * std::pow(options_.decay, static_cast<double>(epoch))};
}

void Learner::learn(std::int64_t clock, std::span<const std::span<const float>> weights) {
  const auto slice = static_cast<std::size_t>(clock % epoch_clocks_);
  if (slice == 0) begin_epoch(clock / epoch_clocks_);
  const auto slices = static_cast<std::size_t>(epoch_clocks_);
  const std::size_t first = order_.size() * slice / slices;
  const std::size_t end = order_.size() * (slice + 1) / slices;

  model_.load(weights);
  epoch_.loss += model_.differentiate(train_, std::span(order_).subspan(first, end - first));
  epoch_.seen += end - first;

  const auto scale = static_cast<float>(1.0 / static_cast<double>(end - first));
  const auto step = static_cast<float>(epoch_.rate / place_.workers);
  const std::size_t width = model_.row_width();
  for (int k = 0; k < classes(); ++k) {
    const auto row = std::span(updates_).subspan(static_cast<std::size_t>(k) * width, width);
    model_.gradient(k, scale, static_cast<float>(options_.l2), row);
    float* const squares = squares_.data() + static_cast<std::size_t>(k) * width;
    for (std::size_t i = 0; i < width; ++i) {
      squares[i] += row[i] * row[i];
      row[i] *= -step / std::sqrt(squares[i]);
    }
  }
}

std::span<const float> Learner::update(int class_) const {
  const std::size_t width = model_.row_width();
  return std::span(updates_).subspan(static_cast<std::size_t>(class_) * width, width);
}

}  // namespace mlr
