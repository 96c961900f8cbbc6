#include "poseidon/sync/device_gradient_table.h"

#include <algorithm>

namespace poseidon {

DeviceGradientTable::DeviceGradientTable(const ParameterRows& rows, bosen::Table<float> table, int processes,
                                         Backend& backend, const std::vector<Tensor*>& gradients)
    : table_(table),
      processes_(processes),
      backend_(backend),
      group_(*backend.group()),
      width_(static_cast<std::size_t>(rows.width())) {
  cut(rows, gradients);
}

void DeviceGradientTable::cut(const ParameterRows& rows, const std::vector<Tensor*>& gradients) {
  const RowRange own = rows.share(group_.place(), group_.size());
  own_ids_.assign(rows.ids().begin() + static_cast<std::ptrdiff_t>(own.begin),
                  rows.ids().begin() + static_cast<std::ptrdiff_t>(own.end));
  // The last row may have less to carry than its width.
  const std::size_t own_elements = own_ids_.size() * width_;
  if (needs_table()) own_memory_ = backend_.allocate_host(own_elements * sizeof(float));
  std::span<float> rest;
  if (needs_table()) rest = {reinterpret_cast<float*>(own_memory_->data()), own_elements};
  std::fill(rest.begin(), rest.end(), 0.0F);
  for (int place = 0; place < group_.size(); ++place) {
    for (const TensorPart& part : rows.parts(rows.share(place, group_.size()))) {
      Tensor elements = gradients[part.tensor]->part({part.count}, part.first);
      parts_.push_back({elements, place});
      if (place != group_.place() || !needs_table()) continue;
      own_parts_.push_back({std::move(elements), rest.first(static_cast<std::size_t>(part.count))});
      rest = rest.subspan(static_cast<std::size_t>(part.count));
    }
  }
}

void DeviceGradientTable::fetch() {
  if (!needs_table()) {
    fetched_ = group_.reduce_for_all(parts_);
    return;
  }
  group_.reduce(parts_);
  for (const OwnPart& part : own_parts_) fetched_ = backend_.begin_download(part.elements, part.host);
}

void DeviceGradientTable::start(bosen::Worker& worker) {
  if (!needs_table()) return;
  const auto* const rows = reinterpret_cast<const float*>(own_memory_->data());
  for (std::size_t row = 0; row < own_ids_.size(); ++row) {
    table_.inc(worker, own_ids_[row], std::span(rows + row * width_, width_));
  }
  table_.advance(worker);
}

void DeviceGradientTable::await(bosen::Worker& worker) {
  if (needs_table() && !own_ids_.empty()) views_ = table_.get(worker, own_ids_);
}

Outcome DeviceGradientTable::finish() {
  if (!needs_table()) {
    backend_.follow(fetched_);
    return Outcome::kGradients;
  }
  auto* const rows = reinterpret_cast<float*>(own_memory_->data());
  for (std::size_t row = 0; row < views_.size(); ++row) {
    std::copy(views_[row].begin(), views_[row].end(), rows + row * width_);
  }
  views_.clear();
  for (OwnPart& part : own_parts_) {
    (void)backend_.begin_upload(part.host, part.elements, UploadOrder::kAtOnce);
  }
  backend_.follow(group_.hand_out(parts_));
  return Outcome::kGradients;
}

}  // namespace poseidon
