#pragma once

// Labelled examples with sparse features, the form in which all of mlr's data is kept.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mlr {

/// A feature that is not zero.
struct Feature {
  std::uint32_t column = 0;
  float value = 0;
};

/// Examples one after the other. A plain value.
struct Examples {
  std::int64_t features = 0;           ///< columns are below this
  int classes = 0;                     ///< labels are below this
  std::vector<std::int32_t> labels;    ///< by example
  std::vector<Feature> nonzeros;       ///< of all examples, each one's by ascending column
  std::vector<std::size_t> begins{0};  ///< where an example's nonzeros begin; one more at the end

  [[nodiscard]] std::size_t size() const { return labels.size(); }
  [[nodiscard]] std::span<const Feature> of(std::size_t example) const {
    return std::span(nonzeros).subspan(begins[example], begins[example + 1] - begins[example]);
  }

  /// Adds the example whose nonzeros were appended last.
  void close_example(std::int32_t label) {
    labels.push_back(label);
    begins.push_back(nonzeros.size());
  }
};

/// Mean of each feature.
std::vector<float> feature_means(const Examples& examples);

}  // namespace mlr
