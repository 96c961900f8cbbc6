#pragma once

// Extents of a tensor, outermost first: {batch, channels, height, width} for images. A small value.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace poseidon {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) : extents_(extents) {}
  explicit Shape(std::vector<std::int64_t> extents) : extents_(std::move(extents)) {}

  [[nodiscard]] int rank() const { return static_cast<int>(extents_.size()); }
  /// Extent of an axis; axes below 0 count from the end. The axis exists.
  [[nodiscard]] std::int64_t operator[](int axis) const;
  void set(int axis, std::int64_t extent);
  [[nodiscard]] const std::vector<std::int64_t>& extents() const { return extents_; }

  /// Elements; 1 for rank 0. Both throw bosen::Error(kConfiguration) with the reason alone where there are more than a
  /// tensor can have.
  [[nodiscard]] std::int64_t count() const { return count(0, rank()); }
  /// Product of the extents of axes first .. end - 1.
  [[nodiscard]] std::int64_t count(int first, int end) const;

  /// "64x3x227x227".
  [[nodiscard]] std::string text() const;

  bool operator==(const Shape&) const = default;

 private:
  std::vector<std::int64_t> extents_;
};

}  // namespace poseidon
