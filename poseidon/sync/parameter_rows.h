#pragma once

// Cuts the learned tensors of a layer, one after another, into table rows of equal width, so that every shard carries
// as much of the layer. A value, the same in every process.

#include <cstdint>
#include <span>
#include <vector>

#include "bosen/row.h"

namespace poseidon {

/// Some rows that follow each other: indices into ParameterRows::ids.
struct RowRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Some elements of a tensor that follow each other.
struct TensorPart {
  std::size_t tensor = 0;
  std::int64_t first = 0;
  std::int64_t count = 0;
};

class ParameterRows {
 public:
  /// Elements of each tensor; shards of the whole job; the layer's number, by which the rows of small layers spread.
  ParameterRows(std::vector<std::int64_t> sizes, int shards, int layer);

  /// Elements of a row. The last row may have less to carry; the rest of it is zero.
  [[nodiscard]] std::int64_t width() const { return width_; }
  [[nodiscard]] const std::vector<bosen::RowId>& ids() const { return ids_; }
  [[nodiscard]] std::int64_t elements() const { return elements_; }

  /// The rows of worker `place` of as many as share the layer's out: as even as can be, perhaps none. Whose share is
  /// larger differs from layer to layer.
  [[nodiscard]] RowRange share(int place, int workers) const;
  /// What the rows carry of each tensor that they carry anything of.
  [[nodiscard]] std::vector<TensorPart> parts(RowRange rows) const;

  /// What row `row` (an index into ids) carries of `tensors`: they themselves where the row lies inside one, else
  /// copied to `scratch`, which is as wide as a row.
  [[nodiscard]] std::span<const float> gather(std::size_t row, std::span<float* const> tensors,
                                              std::span<float> scratch) const;

  /// Calls visit(tensor, offset in the tensor, part of `values`) for each piece of a row.
  template <class Visit>
  void scatter(std::size_t row, std::span<const float> values, const Visit& visit) const {
    std::int64_t first = static_cast<std::int64_t>(row) * width_;  // within the tensor that comes next
    for (std::size_t tensor = 0; tensor < sizes_.size() && !values.empty(); ++tensor) {
      if (first < sizes_[tensor]) {
        const std::size_t count = std::min(values.size(), static_cast<std::size_t>(sizes_[tensor] - first));
        visit(tensor, first, values.first(count));
        values = values.subspan(count);
        first += static_cast<std::int64_t>(count);
      }
      first -= sizes_[tensor];
    }
  }

 private:
  std::vector<std::int64_t> sizes_;
  int layer_ = 0;
  std::int64_t elements_ = 0;
  std::int64_t width_ = 0;
  std::vector<bosen::RowId> ids_;
};

}  // namespace poseidon
