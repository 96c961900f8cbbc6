#include "poseidon/sync/parameter_table.h"

#include <utility>

#include "bosen/worker.h"

namespace poseidon {

ParameterTable::ParameterTable(const ParameterRows& rows, bosen::Table<float> table, Backend& backend,
                               std::vector<Tensor*> values, LayerUpdater& updater, int layer)
    : rows_(rows),
      table_(table),
      values_(backend, values),
      updater_(updater),
      layer_(layer),
      scratch_(static_cast<std::size_t>(rows.width())) {
  values_.begin_fetch();
  values_.await_fetch();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float* const begin = values_.data()[i];
    first_.emplace_back(begin, begin + values[i]->count());
  }
  before_ = first_;
  for (std::vector<float>& change : before_) changes_.push_back(change.data());
}

void ParameterTable::fetch() {
  for (std::size_t i = 0; i < before_.size(); ++i) {
    const float* const value = values_.data()[i];
    std::copy(value, value + before_[i].size(), before_[i].begin());
  }
  updater_.update(std::span(&layer_, 1), 1);
  values_.begin_fetch();
}

void ParameterTable::start(bosen::Worker& worker) {
  // Shared out after the solver: weight decay, and solvers that scale gradients themselves, then count once a clock
  // too.
  const float share = 1 / static_cast<float>(worker.count());
  for (std::size_t i = 0; i < before_.size(); ++i) {
    const float* const value = values_.data()[i];
    for (std::size_t k = 0; k < before_[i].size(); ++k) before_[i][k] = (value[k] - before_[i][k]) * share;
  }
  for (std::size_t row = 0; row < rows_.ids().size(); ++row) {
    table_.inc(worker, rows_.ids()[row], rows_.gather(row, changes_, scratch_));
  }
  table_.advance(worker);
}

void ParameterTable::await(bosen::Worker& worker) { views_ = table_.get(worker, rows_.ids()); }

Outcome ParameterTable::finish() {
  for (std::size_t row = 0; row < views_.size(); ++row) {
    rows_.scatter(row, views_[row], [&](std::size_t tensor, std::int64_t offset, std::span<const float> part) {
      const float* const first = first_[tensor].data() + offset;
      float* const value = values_.data()[tensor] + offset;
      for (std::size_t k = 0; k < part.size(); ++k) value[k] = first[k] + part[k];
    });
  }
  views_.clear();
  values_.put();
  return Outcome::kParameters;
}

}  // namespace poseidon
