#include "apps/mlr/examples.h"

namespace mlr {

std::vector<float> feature_means(const Examples& examples) {
  std::vector<double> sums(static_cast<std::size_t>(examples.features), 0.0);
  for (const Feature& feature : examples.nonzeros) sums[feature.column] += static_cast<double>(feature.value);
  std::vector<float> means(sums.size());
  for (std::size_t i = 0; i < means.size(); ++i) {
    means[i] = static_cast<float>(sums[i] / static_cast<double>(examples.size()));
  }
  return means;
}

}  // namespace mlr
