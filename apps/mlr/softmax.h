#pragma once

// Multinomial logistic regression: the probability of class k for features x is softmax(W (x - m) + b)_k, where m are
// the features' means over the training set. Taking them off doesn't change what can be learned and makes gradient
// descent converge several times faster, as features that are never negative pull all weights of a class the same way;
// it costs nothing on sparse data, because W (x - m) + b = W x + (b - W m).
//
// A row of weights is one class: a weight for every feature, then b.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "apps/mlr/examples.h"

namespace mlr {

/// A worker's copy of the weights, laid out for speed: what one feature adds to all classes lies together, so that
/// nonzeros are all that is read. Single-threaded, but for const use.
class Softmax {
 public:
  Softmax(int classes, std::vector<float> means);

  [[nodiscard]] int classes() const { return classes_; }
  [[nodiscard]] std::size_t row_width() const { return means_.size() + 1; }

  /// Takes over the weights: a row for each class.
  void load(std::span<const std::span<const float>> rows);

  /// What test() finds out.
  struct Score {
    std::size_t correct = 0;
    double loss = 0;  ///< summed over the examples
  };

  /// Classifies `count` examples from `first` on.
  [[nodiscard]] Score test(const Examples& examples, std::size_t first, std::size_t count) const;

  /// Puts the gradient of the loss over `batch`, summed over its examples, where row_gradient() finds it; returns the
  /// summed loss.
  double differentiate(const Examples& examples, std::span<const std::uint32_t> batch);

  /// target = scale * gradient + shrink * weights, for that class's row. The bias doesn't shrink.
  void gradient(int class_, float scale, float shrink, std::span<float> target) const;

  /// Row `class_` of the weights for features as they are, without means: what a user of the model wants.
  [[nodiscard]] std::vector<float> raw_row(int class_) const;

 private:
  /// The two loops over an example's nonzeros, for a block of classes that fits into registers.
  struct Kernels {
    std::size_t block;  ///< classes of one call
    /// sums[k] += sum over nonzeros of value * weights[column * stride + k]
    void (*multiply)(std::span<const Feature> example, const float* weights, std::size_t stride, float* sums);
    /// gradient[column * stride + k] += value * errors[k]
    void (*add_outer)(std::span<const Feature> example, const float* errors, std::size_t stride, float* gradient);
  };
  template <std::size_t kBlock>
  static constexpr Kernels kernels_of();
  static Kernels choose_kernels(std::size_t classes);

  /// The logits of an example, in `logits`; those beyond classes_ mean nothing.
  void predict(std::span<const Feature> example, std::vector<float>& logits) const;

  const int classes_;
  const Kernels kernels_;
  const std::size_t stride_;          ///< classes_, filled up to whole blocks
  const std::vector<float> means_;    ///< by feature
  std::vector<float> weights_;        ///< stride_ for each feature
  std::vector<float> offsets_;        ///< b - W m, by class
  std::vector<float> gradient_;       ///< stride_ for each feature, as if all means were zero
  std::vector<float> bias_gradient_;  ///< by class
};

}  // namespace mlr
