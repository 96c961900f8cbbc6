#include "poseidon/sync/gradient_table.h"

#include <algorithm>
#include <utility>

namespace poseidon {

GradientTable::GradientTable(const ParameterRows& rows, bosen::Table<float> table, Backend& backend,
                             std::vector<Tensor*> gradients)
    : rows_(rows),
      table_(table),
      gradients_(backend, std::move(gradients)),
      scratch_(static_cast<std::size_t>(rows.width())) {}

void GradientTable::start(bosen::Worker& worker) {
  for (std::size_t row = 0; row < rows_.ids().size(); ++row) {
    table_.inc(worker, rows_.ids()[row], rows_.gather(row, gradients_.data(), scratch_));
  }
  table_.advance(worker);
}

void GradientTable::await(bosen::Worker& worker) { views_ = table_.get(worker, rows_.ids()); }

Outcome GradientTable::finish() {
  for (std::size_t row = 0; row < views_.size(); ++row) {
    rows_.scatter(row, views_[row], [&](std::size_t tensor, std::int64_t offset, std::span<const float> part) {
      std::copy(part.begin(), part.end(), gradients_.data()[tensor] + offset);
    });
  }
  views_.clear();
  gradients_.put();
  return Outcome::kGradients;
}

}  // namespace poseidon
