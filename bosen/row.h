#pragma once

// Read-only views of rows, valid until their worker's next advance(). A view never changes under its reader.

#include <algorithm>
#include <cstddef>
#include <span>

#include "bosen/base/types.h"

namespace bosen {

/// A row of a dense table: all its elements, without a copy.
template <class T>
class RowView {
 public:
  RowView() = default;
  explicit RowView(std::span<const T> values) : values_(values) {}

  [[nodiscard]] std::span<const T> values() const { return values_; }
  [[nodiscard]] const T* data() const { return values_.data(); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  const T& operator[](std::size_t column) const { return values_[column]; }
  [[nodiscard]] auto begin() const { return values_.begin(); }
  [[nodiscard]] auto end() const { return values_.end(); }
  operator std::span<const T>() const { return values_; }  // NOLINT: a view is what algorithms take

 private:
  std::span<const T> values_;
};

/// A row of a sparse table: the elements that were ever written, by ascending column.
template <class T>
class SparseRowView {
 public:
  SparseRowView() = default;
  SparseRowView(std::span<const Column> columns, std::span<const T> values) : columns_(columns), values_(values) {}

  [[nodiscard]] std::span<const Column> columns() const { return columns_; }
  [[nodiscard]] std::span<const T> values() const { return values_; }
  /// Number of elements stored.
  [[nodiscard]] std::size_t size() const { return columns_.size(); }

  /// The element at `column`; zero where none is stored. Takes a binary search.
  T operator[](Column column) const {
    const auto found = std::lower_bound(columns_.begin(), columns_.end(), column);
    if (found == columns_.end() || *found != column) return T{};
    return values_[static_cast<std::size_t>(found - columns_.begin())];
  }

 private:
  std::span<const Column> columns_;
  std::span<const T> values_;
};

}  // namespace bosen
