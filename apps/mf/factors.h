#pragma once

// Biased matrix factorisation: a rating is about mean + b_user + b_item + p_user . q_item, learned by SGD on the
// squared error with L2 regularisation (Koren, Bell, Volinsky: Matrix factorization techniques for recommender systems,
// 2009).
//
// A row of a table is a user's or an item's factors, then its bias.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "apps/mf/partition.h"

namespace mf {

struct SgdOptions {
  double learning_rate = 0.015;
  double regularization = 0.1;
};

/// Copies of some rows, to work on. Factors are padded so that loops over them need no remainder.
class RowBlock {
 public:
  explicit RowBlock(int rank);

  /// Makes room for `rows` rows.
  void resize(std::size_t rows);
  /// Takes a row as a table holds it.
  void load(std::size_t row, std::span<const float> values);
  /// What has been added to the row since it was loaded as `before`.
  void difference(std::size_t row, std::span<const float> before, std::span<float> target) const;

  [[nodiscard]] float* factors(std::size_t row) { return factors_.data() + row * stride_; }
  [[nodiscard]] const float* factors(std::size_t row) const { return factors_.data() + row * stride_; }
  [[nodiscard]] float& bias(std::size_t row) { return biases_[row]; }
  [[nodiscard]] float bias(std::size_t row) const { return biases_[row]; }
  [[nodiscard]] std::size_t stride() const { return stride_; }

 private:
  std::size_t rank_;
  std::size_t stride_;
  std::vector<float> factors_;
  std::vector<float> biases_;
};

/// One worker's hands. Single-threaded.
class Factorizer {
 public:
  Factorizer(int rank, double mean, const SgdOptions& options);

  [[nodiscard]] RowBlock& users() { return users_; }
  [[nodiscard]] RowBlock& items() { return items_; }

  /// One pass of SGD over the slice's ratings, whose rows are loaded, in the order of `order`. Returns the sum of
  /// squared errors, each before its own step.
  double learn(const Slice& slice, std::span<const std::uint32_t> order);

  /// The sum of squared errors.
  [[nodiscard]] double squared_error(const Slice& slice) const;

 private:
  [[nodiscard]] float error(const SliceRating& rating) const;

  const float mean_;
  const SgdOptions options_;
  RowBlock users_;
  RowBlock items_;
};

/// Which table a row belongs to.
enum class RowKind : std::uint64_t { kUser = 1, kItem = 2 };

/// A row's random start: small factors, no bias. Depends on seed, kind and row only, so that every number of workers
/// starts alike.
void start_row(std::uint64_t seed, RowKind kind, std::int64_t row, std::span<float> target);

}  // namespace mf
