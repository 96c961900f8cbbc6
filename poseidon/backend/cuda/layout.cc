#include "poseidon/backend/cuda/layout.h"

#include <fmt/format.h>

#include <bit>
#include <limits>
#include <memory>

#include "bosen/error.h"

namespace poseidon::cuda {

// The factor is ceil(2^(32 + shift) / divisor) with 2^shift >= divisor, less its 33rd bit.
Divisor::Divisor(std::uint32_t divisor)
    : divisor_(divisor), shift_(static_cast<std::uint32_t>(std::bit_width(divisor - 1))) {
  const std::uint64_t above = (std::uint64_t{1} << shift_) - divisor;
  factor_ = static_cast<std::uint32_t>((above << 32U) / divisor + 1);
}

std::size_t bytes_of(Element element) { return element == Element::kFloat ? sizeof(float) : sizeof(Bf16); }

Arrangement arrangement_of(const TensorDescription& description) {
  if (description.is_row_major()) return {};
  return static_cast<const CudaLayout&>(*description.layout).arrangement();
}

TensorDescription arranged(const Shape& shape, Arrangement arrangement) {
  if (shape.count() > std::numeric_limits<std::int32_t>::max()) {
    throw bosen::Error(bosen::ErrorKind::kDevice,
                       fmt::format("a tensor of {} has more than 2^31 elements: take a smaller batch", shape.text()));
  }
  const Grid grid = grid_of(shape, Order::kRowMajor);
  if (grid.channels == 1 || grid.places == 1) arrangement.order = Order::kRowMajor;
  TensorDescription description = TensorDescription::row_major(shape);
  if (arrangement == Arrangement{}) return description;
  description.bytes = static_cast<std::size_t>(shape.count()) * bytes_of(arrangement.element);
  description.layout = std::make_shared<CudaLayout>(arrangement);
  return description;
}

Grid grid_of(const Shape& shape, Order order) {
  Grid grid;
  grid.batch = static_cast<std::uint32_t>(shape[0]);
  grid.channels = shape.rank() > 1 ? static_cast<std::uint32_t>(shape[1]) : 1;
  grid.places = shape.rank() > 2 ? static_cast<std::uint32_t>(shape.count(2, shape.rank())) : 1;
  grid.batch_stride = grid.channels * grid.places;
  grid.channel_stride = order == Order::kRowMajor ? grid.places : 1;
  grid.place_stride = order == Order::kRowMajor ? 1 : grid.channels;
  grid.by_channels = Divisor(grid.channels);
  grid.by_places = Divisor(grid.places);
  grid.by_example = Divisor(grid.channels * grid.places);
  return grid;
}

Grid grid_of(const TensorDescription& description) {
  return grid_of(description.shape, arrangement_of(description).order);
}

}  // namespace poseidon::cuda
