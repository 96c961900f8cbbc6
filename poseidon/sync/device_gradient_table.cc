#include "poseidon/sync/device_gradient_table.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace poseidon {

namespace {

std::vector<bosen::RowId> ids_of(const ParameterRows& rows, RowRange range) {
  const auto first = rows.ids().begin();
  return {first + static_cast<std::ptrdiff_t>(range.begin), first + static_cast<std::ptrdiff_t>(range.end)};
}

RowRange own_share(const ParameterRows& rows, const DeviceGroup& group) {
  return rows.share(group.place(), group.size());
}

}  // namespace

DeviceGradientTable::DeviceGradientTable(const ParameterRows& rows, RowTable table, int processes, Backend& backend,
                                         const std::vector<Tensor*>& gradients)
    : processes_(processes),
      backend_(backend),
      group_(*backend.group()),
      width_(static_cast<std::size_t>(rows.width())),
      own_rows_(std::move(table), rows.width(), ids_of(rows, own_share(rows, group_)),
                {0, own_share(rows, group_).end - own_share(rows, group_).begin}) {
  cut(rows, gradients);
}

void DeviceGradientTable::cut(const ParameterRows& rows, const std::vector<Tensor*>& gradients) {
  // The last row may have less to carry than its width.
  const std::size_t own_elements = own_rows_.size() * width_;
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
  for (std::size_t row = 0; row < own_rows_.size(); ++row) {
    own_rows_.send(worker, row, std::span(rows + row * width_, width_));
  }
  own_rows_.advance(worker);
}

void DeviceGradientTable::await(bosen::Worker& worker) {
  if (needs_table()) own_rows_.await(worker);
}

Outcome DeviceGradientTable::finish() {
  if (!needs_table()) {
    backend_.follow(fetched_);
    return Outcome::kGradients;
  }
  auto* const rows = reinterpret_cast<float*>(own_memory_->data());
  for (std::size_t row = 0; row < own_rows_.size(); ++row) {
    const std::span<const float> sum = own_rows_.row(row);
    std::copy(sum.begin(), sum.end(), rows + row * width_);
  }
  own_rows_.release();
  for (OwnPart& part : own_parts_) {
    (void)backend_.begin_upload(part.host, part.elements, UploadOrder::kAtOnce);
  }
  backend_.follow(group_.hand_out(parts_));
  return Outcome::kGradients;
}

}  // namespace poseidon
