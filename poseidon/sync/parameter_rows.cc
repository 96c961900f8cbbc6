#include "poseidon/sync/parameter_rows.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace poseidon {
namespace {

/// Rows much larger than this would leave late and come late; much smaller ones cost more than they carry.
constexpr std::int64_t kRowElementsMax = std::int64_t{1} << 18;
/// Where a shard would have less, a layer is one row: a frame's header would cost more than the balance gains.
constexpr std::int64_t kElementsPerShardMin = 128;

std::int64_t divided_up(std::int64_t value, std::int64_t divisor) { return (value + divisor - 1) / divisor; }

}  // namespace

ParameterRows::ParameterRows(std::vector<std::int64_t> sizes, int shards, int layer)
    : sizes_(std::move(sizes)),
      layer_(layer),
      elements_(std::accumulate(sizes_.begin(), sizes_.end(), std::int64_t{0})) {
  std::int64_t rows = 1;
  bosen::RowId first = layer;  // consecutive ids lie on different shards
  if (elements_ >= shards * kElementsPerShardMin) {
    rows = shards * divided_up(elements_, shards * kRowElementsMax);
    first = 0;  // whole groups of rows: one on each shard
  }
  width_ = std::max<std::int64_t>(1, divided_up(elements_, rows));
  for (std::int64_t row = 0; row < rows; ++row) ids_.push_back(first + row);
}

RowRange ParameterRows::share(int place, int workers) const {
  const auto begin_of = [&](int worker) {
    return ids_.size() * static_cast<std::size_t>(worker) / static_cast<std::size_t>(workers);
  };
  const int turn = (place + layer_) % workers;
  return {begin_of(turn), begin_of(turn + 1)};
}

std::vector<TensorPart> ParameterRows::parts(RowRange rows) const {
  std::vector<TensorPart> parts;
  std::int64_t begin = static_cast<std::int64_t>(rows.begin) * width_;  // within the tensor that comes next
  std::int64_t end = static_cast<std::int64_t>(rows.end) * width_;
  for (std::size_t tensor = 0; tensor < sizes_.size(); ++tensor) {
    const std::int64_t first = std::max<std::int64_t>(begin, 0);
    const std::int64_t last = std::min(end, sizes_[tensor]);
    if (first < last) parts.push_back({tensor, first, last - first});
    begin -= sizes_[tensor];
    end -= sizes_[tensor];
  }
  return parts;
}

std::span<const float> ParameterRows::gather(std::size_t row, std::span<float* const> tensors,
                                             std::span<float> scratch) const {
  std::int64_t first = static_cast<std::int64_t>(row) * width_;
  for (std::size_t tensor = 0; tensor < sizes_.size(); ++tensor) {
    if (first >= 0 && first + width_ <= sizes_[tensor]) {
      return {tensors[tensor] + first, static_cast<std::size_t>(width_)};
    }
    first -= sizes_[tensor];
  }
  std::fill(scratch.begin(), scratch.end(), 0.0F);
  float* const begin = scratch.data();
  scatter(row, scratch, [&](std::size_t tensor, std::int64_t offset, std::span<const float> part) {
    const float* const from = tensors[tensor] + offset;
    std::copy(from, from + part.size(), begin + (part.data() - begin));
  });
  return scratch;
}

}  // namespace poseidon
