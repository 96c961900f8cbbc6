#pragma once

// Scheme `ps` with staleness (ssp, essp, asp): each of N workers updates its own copy by its own gradient, adds an N-th
// of the change to a table, and goes on from what the table shows. The table holds the parameters' distance from their
// first values, which every worker knows.

#include <vector>

#include "bosen/table.h"
#include "poseidon/sync/host_tensors.h"
#include "poseidon/sync/layer_updater.h"
#include "poseidon/sync/parameter_rows.h"
#include "poseidon/sync/synchronizer.h"

namespace poseidon {

class ParameterTable final : public Synchronizer {
 public:
  /// `values` are the layer's learned parameters as all workers have them at the start.
  ParameterTable(const ParameterRows& rows, bosen::Table<float> table, Backend& backend, std::vector<Tensor*> values,
                 LayerUpdater& updater, int layer);

  [[nodiscard]] Scheme scheme() const override { return Scheme::kPs; }
  /// Makes the update.
  void fetch() override;
  [[nodiscard]] bool is_fetched() override { return values_.is_fetched(); }
  void await_fetch() override { values_.await_fetch(); }
  void start(bosen::Worker& worker) override;
  void await(bosen::Worker& worker) override;
  Outcome finish() override;

 private:
  const ParameterRows& rows_;
  const bosen::Table<float> table_;
  HostTensors values_;
  LayerUpdater& updater_;
  const int layer_;
  std::vector<std::vector<float>> first_;   ///< values at the start
  std::vector<std::vector<float>> before_;  ///< before the last update, then the change
  std::vector<float*> changes_;             ///< before_'s
  std::vector<float> scratch_;
  std::vector<bosen::RowView<float>> views_;  ///< from `await` to `finish`
};

}  // namespace poseidon
