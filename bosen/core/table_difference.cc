#include "bosen/core/table_difference.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "bosen/base/consistency.h"

namespace bosen::core {
namespace {

/// What a row is made of, as users write it.
std::string rows_of(const wire::RowShape& shape) {
  static constexpr std::array<const char*, 5> kElements = {"?", "float", "double", "int32", "int64"};
  const auto element = static_cast<std::size_t>(shape.element);
  return fmt::format("{} rows of {}", shape.kind == RowKind::kSparse ? "sparse" : "dense",
                     kElements[element < kElements.size() ? element : 0]);
}

/// Every option by name with its value, in the order in which users meet them.
std::array<std::string, 11> options_of(const wire::TableSpec& spec) {
  const UpdaterOptions& updater = spec.updater;
  return {fmt::format("the name '{}'", spec.name),
          rows_of(spec.shape),
          fmt::format("width {}", spec.shape.width),
          fmt::format("consistency {}", to_string(spec.consistency)),
          fmt::format("staleness {}", spec.staleness),
          fmt::format("updater {}", updater.name),
          fmt::format("learning_rate {}", updater.learning_rate),
          fmt::format("momentum {}", updater.momentum),
          fmt::format("decay1 {} and decay2 {}", updater.decay1, updater.decay2),
          fmt::format("epsilon {}", updater.epsilon),
          fmt::format("priority {}", spec.priority)};
}

}  // namespace

TableDifference difference(const wire::TableSpec& ours, const wire::TableSpec& theirs) {
  std::array<std::string, 11> our_options = options_of(ours);
  std::array<std::string, 11> their_options = options_of(theirs);
  for (std::size_t i = 0; i < our_options.size(); ++i) {
    if (our_options[i] != their_options[i]) return {std::move(our_options[i]), std::move(their_options[i])};
  }
  return {};
}

}  // namespace bosen::core
