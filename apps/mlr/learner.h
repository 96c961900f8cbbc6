#pragma once

// One worker's share of the training: mini-batch SGD with AdaGrad's step for every weight (Duchi, Hazan, Singer, JMLR
// 2011).
//
// A clock is one mini-batch of all workers together: every worker takes its part of it and adds its part of the step,
// so that what is learned does not depend on the number of workers, only on how stale the weights are that they see. A
// fixed step would have to suit the worst staleness: updates that are d clocks late make gradient descent swing as soon
// as step * curvature > pi / (4 d + 2). AdaGrad's steps shrink by themselves where gradients swing.

#include <cstdint>
#include <span>
#include <vector>

#include "apps/mlr/examples.h"
#include "apps/mlr/softmax.h"

namespace mlr {

/// How to learn. The defaults suit Fashion-MNIST with every consistency model and staleness up to 8.
struct LearnerOptions {
  int batch = 500;              ///< examples of a clock, of all workers together
  double learning_rate = 0.12;  ///< largest step of a weight in a clock
  double decay = 0.95;          ///< of the learning rate, in an epoch
  double l2 = 0;                ///< weight of half the squared norm of the weights in the loss
  std::uint64_t seed = 1;
};

/// Which worker of how many this is.
struct WorkerPlace {
  int worker = 0;
  int workers = 1;
};

/// Clocks of an epoch: the same for every worker. There are at least as many examples as workers.
std::int64_t clocks_per_epoch(std::size_t examples, int workers, const LearnerOptions& options);

/// Single-threaded; belongs to one worker.
class Learner {
 public:
  /// `train` is the whole training set, which has to outlive the learner; its worker's part is every n-th example.
  Learner(const Examples& train, std::vector<float> means, WorkerPlace place, const LearnerOptions& options);

  [[nodiscard]] int classes() const { return model_.classes(); }
  [[nodiscard]] std::int64_t epoch_clocks() const { return epoch_clocks_; }

  /// Learns from the clock's mini-batch, given all rows of weights. Clocks come in order, from 0.
  void learn(std::int64_t clock, std::span<const std::span<const float>> weights);

  /// What the worker adds to a row after learn().
  [[nodiscard]] std::span<const float> update(int class_) const;

  /// Calls visit(name, memory) for all that learning depends on beside weights, from clock to clock.
  template <class Visit>
  void each_memory(const Visit& visit) {
    visit("order", std::span(order_));
    visit("squares", std::span(squares_));
    visit("epoch", std::span(&epoch_, 1));
  }

  /// Mean loss of this worker's examples in the epoch so far.
  [[nodiscard]] double epoch_loss() const { return epoch_.loss / static_cast<double>(epoch_.seen); }

  /// The model as learn() or a test loaded it last.
  [[nodiscard]] Softmax& model() { return model_; }

 private:
  struct Epoch {
    double rate = 0;
    double loss = 0;         ///< summed over the epoch so far
    std::uint64_t seen = 0;  ///< examples of the epoch so far
  };

  void begin_epoch(std::int64_t epoch);

  const LearnerOptions options_;
  const WorkerPlace place_;
  const std::int64_t epoch_clocks_;
  const Examples& train_;
  Softmax model_;
  std::vector<std::uint32_t> order_;  ///< the worker's examples as this epoch takes them
  std::vector<float> updates_;        ///< row after row
  std::vector<float> squares_;        ///< sums of squared gradients, row after row
  Epoch epoch_;
};

}  // namespace mlr
