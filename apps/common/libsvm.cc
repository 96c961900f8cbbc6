#include "apps/common/libsvm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/common/number.h"

namespace apps {
namespace {

constexpr Separators kBlanks(" \t\r");

}  // namespace

bool LibsvmReader::next() {
  last_index_ = 0;
  while (line_.next()) {
    label_ = line_.word(kBlanks);
    if (!label_.empty() && !label_.starts_with('#')) return true;
  }
  return false;
}

std::optional<LibsvmFeature> LibsvmReader::feature() {
  const std::string_view text = line_.word(kBlanks);
  if (text.empty() || text.starts_with('#')) return std::nullopt;
  const std::size_t colon = std::min(text.find(':'), text.size());
  std::uint32_t index = 0;
  LibsvmFeature feature;
  if (!parse_number(text.substr(0, colon), index) || colon == text.size()) {
    line_.refuse(fmt::format("'{}' is not of the form INDEX:VALUE", shown(text)));
  }
  if (!parse_number(text.substr(colon + 1), feature.value) || !std::isfinite(feature.value)) {
    line_.refuse(fmt::format("the value of '{}' is not a number", shown(text)));
  }
  if (index == 0 || index > columns_max_) {
    line_.refuse(fmt::format("index {} is out of range: indices are 1 to {}", index, columns_max_));
  }
  if (index <= last_index_) {
    line_.refuse(fmt::format("index {} does not ascend: it follows {}", index, last_index_));
  }
  last_index_ = index;
  feature.column = index - 1;
  return feature;
}

}  // namespace apps
