#include "poseidon/sync/gradient_table.h"

#include <algorithm>
#include <utility>

namespace poseidon {

GradientTable::GradientTable(const ParameterRows& rows, bosen::Table<float> table, LocalGradients& local,
                             bosen::Worker& worker, Backend& backend, std::vector<Tensor*> gradients)
    : rows_(rows),
      table_(table),
      gradients_(backend, std::move(gradients)),
      sum_(rows, local, worker, gradients_.data()) {}

bool GradientTable::is_fetched() {
  if (!gradients_.is_fetched()) return false;
  sum_.show();
  return sum_.is_complete();
}

void GradientTable::await_fetch() {
  gradients_.await_fetch();
  sum_.show();
  sum_.await();
}

void GradientTable::start(bosen::Worker& worker) {
  for (std::size_t row = sum_.share().begin; row < sum_.share().end; ++row) {
    table_.inc(worker, rows_.ids()[row], sum_.row(row));
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
