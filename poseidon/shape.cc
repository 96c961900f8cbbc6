#include "poseidon/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace poseidon {

std::int64_t Shape::operator[](int axis) const {
  return extents_[static_cast<std::size_t>(axis < 0 ? axis + rank() : axis)];
}

void Shape::set(int axis, std::int64_t extent) {
  extents_[static_cast<std::size_t>(axis < 0 ? axis + rank() : axis)] = extent;
}

std::int64_t Shape::count(int first, int end) const {
  std::int64_t product = 1;
  for (int axis = first; axis < end; ++axis) product *= extents_[static_cast<std::size_t>(axis)];
  return product;
}

std::string Shape::text() const { return extents_.empty() ? "1" : fmt::format("{}", fmt::join(extents_, "x")); }

}  // namespace poseidon
