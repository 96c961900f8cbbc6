#include "poseidon/sync/gradient_table.h"

#include <algorithm>
#include <utility>

namespace poseidon {

GradientTable::GradientTable(const ParameterRows& rows, RowTable table, LocalGradients& local, bosen::Worker& worker,
                             Backend& backend, std::vector<Tensor*> gradients)
    : rows_(rows),
      gradients_(backend, std::move(gradients)),
      sum_(rows, local, worker, gradients_.data()),
      sums_(std::move(table), rows.width(), rows.ids(), sum_.share()) {}

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
    sums_.send(worker, row, sum_.row(row));
  }
  sums_.advance(worker);
}

void GradientTable::await(bosen::Worker& worker) { sums_.await(worker); }

Outcome GradientTable::finish() {
  for (std::size_t row = 0; row < sums_.size(); ++row) {
    rows_.scatter(row, sums_.row(row), [&](std::size_t tensor, std::int64_t offset, std::span<const float> part) {
      std::copy(part.begin(), part.end(), gradients_.data()[tensor] + offset);
    });
  }
  sums_.release();
  gradients_.put();
  return Outcome::kGradients;
}

}  // namespace poseidon
