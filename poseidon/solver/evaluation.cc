#include "poseidon/solver/evaluation.h"

#include <algorithm>

namespace poseidon {
namespace {

constexpr const char* kLoss = "loss";

}  // namespace

std::int64_t test_batch(std::int64_t wanted, std::int64_t examples) {
  wanted = std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, examples));
  for (std::int64_t batch = wanted; batch * 2 >= wanted; --batch) {
    if (examples % batch == 0) return batch;
  }
  return wanted;
}

Evaluation::Evaluation(const Options& options, Backend& backend, const Net* trained)
    : worker_(options.worker), workers_(options.workers) {
  const std::int64_t examples = options.feed.examples(Phase::kTest);
  const std::int64_t wanted = options.batch > 0 ? options.batch : options.feed.batch(Phase::kTest);
  batch_ = options.batches > 0 ? wanted : test_batch(wanted, examples);
  batches_ = options.batches > 0 ? options.batches : examples / batch_;
  source_ = options.feed.open(
      Phase::kTest, {.worker = worker_, .workers = workers_, .batch = batch_, .read_threads = options.read_threads});
  const NetOptions net_options{.phase = Phase::kTest,
                               .batch = batch_,
                               .seed = options.seed,
                               .worker = static_cast<std::uint64_t>(worker_),
                               .shares = trained};
  net_ = std::make_unique<Net>(options.spec, net_options, backend, source_.get());
  if (options.batches == 0) rest_ = examples % batch_;
  if (rest_ > 0 && batches_ % workers_ == worker_) make_rest(options, backend);
}

void Evaluation::make_rest(const Options& options, Backend& backend) {
  rest_source_ = options.feed.open(Phase::kTest,
                                   {.batch = rest_, .first = batches_ * batch_, .read_threads = options.read_threads});
  const NetOptions net_options{.phase = Phase::kTest,
                               .batch = rest_,
                               .seed = options.seed,
                               .worker = static_cast<std::uint64_t>(worker_),
                               .shares = net_.get()};
  rest_net_ = std::make_unique<Net>(options.spec, net_options, backend, rest_source_.get());
}

EvaluationSums Evaluation::run() {
  EvaluationSums sums;
  source_->seek(0);
  for (std::int64_t number = worker_; number < batches_; number += workers_) {
    add(*net_, batch_, sums);
  }
  if (rest_net_) {
    rest_source_->seek(0);
    add(*rest_net_, rest_, sums);
  }
  return sums;
}

void Evaluation::add(Net& net, std::int64_t images, EvaluationSums& sums) {
  const auto weight = static_cast<double>(images);
  sums.images += images;
  sums.loss += weight * net.forward();
  names_.clear();
  std::size_t slot = 0;
  for (const Measure& measure : net.measures()) {
    if (measure.name == kLoss) continue;
    names_.push_back(measure.name);
    sums.measures.resize(std::max(sums.measures.size(), ++slot));
    sums.measures[slot - 1] += weight * measure.value;
  }
}

}  // namespace poseidon
