#include "poseidon/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bosen/error.h"

namespace poseidon {
namespace {

/// So that bytes, and twice as many operations, can be counted too.
constexpr std::int64_t kElementsMax = std::int64_t{1} << 48;

}  // namespace

std::int64_t Shape::operator[](int axis) const {
  return extents_[static_cast<std::size_t>(axis < 0 ? axis + rank() : axis)];
}

void Shape::set(int axis, std::int64_t extent) {
  extents_[static_cast<std::size_t>(axis < 0 ? axis + rank() : axis)] = extent;
}

std::int64_t Shape::count(int first, int end) const {
  std::int64_t product = 1;
  for (int axis = first; axis < end; ++axis) {
    const std::int64_t extent = extents_[static_cast<std::size_t>(axis)];
    if (__builtin_mul_overflow(product, extent, &product) || product > kElementsMax) {
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         fmt::format("{} has more elements than any memory holds: take a smaller batch, or smaller "
                                     "extents",
                                     text()));
    }
  }
  return product;
}

std::string Shape::text() const { return extents_.empty() ? "1" : fmt::format("{}", fmt::join(extents_, "x")); }

}  // namespace poseidon
