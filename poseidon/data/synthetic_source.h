#pragma once

#include <cstdint>

#include "poseidon/data/batch_source.h"

namespace poseidon {

/// The same random batch again and again, for timing: values in [-1, 1), labels evenly over the classes. It is made
/// when it is first asked for, so that a net which is too large is refused before.
class SyntheticSource final : public BatchSource {
 public:
  /// `shape` is batch x channels x height x width.
  SyntheticSource(Shape shape, std::int64_t classes, std::uint64_t seed);

  [[nodiscard]] const Shape& shape() const override { return shape_; }
  [[nodiscard]] std::int64_t classes() const override { return classes_; }
  [[nodiscard]] std::int64_t examples() const override { return shape_[0]; }
  const Batch& next() override;
  [[nodiscard]] bool repeats_one() const override { return true; }
  void seek(std::int64_t /*batches*/) override {}
  [[nodiscard]] double waited_s() const override { return 0; }

 private:
  Shape shape_;
  std::int64_t classes_;
  std::uint64_t seed_;
  Batch batch_;
};

}  // namespace poseidon
