#include "tests/support/elements.h"

#include <cstring>

namespace bosen::testing {
namespace {

template <class T>
std::int64_t read_as(const std::byte* source) {
  T value{};
  std::memcpy(&value, source, sizeof value);
  return static_cast<std::int64_t>(value);
}

template <class T>
void write_as(std::byte* target, std::int64_t value) {
  const auto element = static_cast<T>(value);
  std::memcpy(target, &element, sizeof element);
}

}  // namespace

std::int64_t read_element(ElementType type, const std::byte* source) {
  switch (type) {
    case ElementType::kFloat:
      return read_as<float>(source);
    case ElementType::kDouble:
      return read_as<double>(source);
    case ElementType::kInt32:
      return read_as<std::int32_t>(source);
    case ElementType::kInt64:
      break;
  }
  return read_as<std::int64_t>(source);
}

void write_element(ElementType type, std::byte* target, std::int64_t value) {
  switch (type) {
    case ElementType::kFloat:
      return write_as<float>(target, value);
    case ElementType::kDouble:
      return write_as<double>(target, value);
    case ElementType::kInt32:
      return write_as<std::int32_t>(target, value);
    case ElementType::kInt64:
      break;
  }
  write_as<std::int64_t>(target, value);
}

}  // namespace bosen::testing
