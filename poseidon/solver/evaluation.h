#pragma once

// One worker's share of a test: batches number w, w + N, ... of the test part, from its start.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "poseidon/net.h"
#include "poseidon/solver/data_feed.h"

namespace poseidon {

/// Sums over images, so that those of several workers can be added up; a batch's means count for all its images.
struct EvaluationSums {
  std::int64_t images = 0;
  double loss = 0;
  std::vector<double> measures;  ///< as `names` has them; empty where no batch was this worker's
};

class Evaluation {
 public:
  struct Options {
    const NetSpec& spec;
    const DataFeed& feed;
    int worker = 0;
    int workers = 1;
    std::int64_t batch = 0;    ///< images; 0: as the net's data layer says
    std::int64_t batches = 0;  ///< of all workers together; 0: every image of the test part once
    std::uint64_t seed = 1;
    std::int64_t read_threads = 1;
  };

  /// Makes the test net on `backend`, with the parameters of `trained` where one is given.
  Evaluation(const Options& options, Backend& backend, const Net* trained);

  [[nodiscard]] Net& net() { return *net_; }
  /// Of all workers together.
  [[nodiscard]] std::int64_t images() const { return batches_ * batch_ + rest_; }

  /// Runs the share; the parameters are in place.
  EvaluationSums run();

  /// Of the measures, after a run that had a batch; "loss" is not among them.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  void add(Net& net, std::int64_t images, EvaluationSums& sums);
  void make_rest(const Options& options, Backend& backend);

  int worker_;
  int workers_;
  std::int64_t batch_ = 0;
  std::int64_t batches_ = 0;
  std::unique_ptr<BatchSource> source_;
  std::unique_ptr<Net> net_;
  // The images that fill no batch, where there are any: a smaller net of the worker whose turn it is looks at them.
  std::int64_t rest_ = 0;
  std::unique_ptr<BatchSource> rest_source_;
  std::unique_ptr<Net> rest_net_;
  std::vector<std::string> names_;
};

/// Images of a test's batch: the largest number from `wanted` / 2 to `wanted` that divides `examples`, else `wanted`,
/// and no more than there are.
[[nodiscard]] std::int64_t test_batch(std::int64_t wanted, std::int64_t examples);

}  // namespace poseidon
