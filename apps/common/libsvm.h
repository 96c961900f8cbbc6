#pragma once

// Text in libsvm's format: an example a line, LABEL INDEX:VALUE INDEX:VALUE ..., indices from 1 and ascending. What
// stands after "#" is a comment.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apps/common/input_file.h"

namespace apps {

/// One INDEX:VALUE.
struct LibsvmFeature {
  std::uint32_t column = 0;  ///< the index less one
  float value = 0;           ///< finite
};

/// Goes through a text example by example. Borrows the text; what is wrong in it is a bosen::Error(kData) with its
/// place.
class LibsvmReader {
 public:
  /// Indices may be up to `columns_max`.
  LibsvmReader(std::string path, std::string_view text, std::uint32_t columns_max)
      : line_(std::move(path), text), columns_max_(columns_max) {}

  /// Goes to the next example; false at the end of the text.
  bool next();
  /// The example's first word.
  [[nodiscard]] std::string_view label() const { return label_; }
  /// The example's next feature; nothing at its end. To be called until then.
  std::optional<LibsvmFeature> feature();

  [[nodiscard]] const LineReader& line() const { return line_; }

 private:
  LineReader line_;
  const std::uint32_t columns_max_;
  std::string_view label_;
  std::uint32_t last_index_ = 0;
};

}  // namespace apps
