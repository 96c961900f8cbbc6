#include "poseidon/sync/gradient_table.h"

#include <algorithm>
#include <utility>

namespace poseidon {

GradientTable::GradientTable(const ParameterRows& rows, bosen::Table<float> table, std::int64_t predicted_bytes,
                             Backend& backend, std::vector<Tensor*> gradients)
    : rows_(rows),
      table_(table),
      predicted_bytes_(predicted_bytes),
      gradients_(backend, std::move(gradients)),
      scratch_(static_cast<std::size_t>(rows.width())) {}

void GradientTable::start(bosen::Worker& worker) {
  gradients_.await_fetch();
  for (std::size_t row = 0; row < rows_.ids().size(); ++row) {
    table_.inc(worker, rows_.ids()[row], rows_.gather(row, gradients_.data(), scratch_));
  }
  table_.advance(worker);
}

Outcome GradientTable::finish(bosen::Worker& worker) {
  const std::vector<bosen::RowView<float>> views = table_.get(worker, rows_.ids());
  for (std::size_t row = 0; row < views.size(); ++row) {
    rows_.scatter(row, views[row], [&](std::size_t tensor, std::int64_t offset, std::span<const float> part) {
      std::copy(part.begin(), part.end(), gradients_.data()[tensor] + offset);
    });
  }
  gradients_.put();
  return Outcome::kGradients;
}

}  // namespace poseidon
