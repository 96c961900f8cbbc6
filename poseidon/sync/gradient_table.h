#pragma once

// Scheme `ps` under bsp: gradients up to the shards, their sum down. The table keeps the last clock's sum alone
// (clock_sum), so every worker reads the same sum, formed once, in the order of the workers.

#include <vector>

#include "bosen/table.h"
#include "poseidon/sync/host_tensors.h"
#include "poseidon/sync/parameter_rows.h"
#include "poseidon/sync/synchronizer.h"

namespace poseidon {

class GradientTable final : public Synchronizer {
 public:
  GradientTable(const ParameterRows& rows, bosen::Table<float> table, Backend& backend, std::vector<Tensor*> gradients);

  [[nodiscard]] Scheme scheme() const override { return Scheme::kPs; }
  void fetch() override { gradients_.begin_fetch(); }
  [[nodiscard]] bool is_fetched() override { return gradients_.is_fetched(); }
  void await_fetch() override { gradients_.await_fetch(); }
  void start(bosen::Worker& worker) override;
  void await(bosen::Worker& worker) override;
  Outcome finish() override;

 private:
  const ParameterRows& rows_;
  const bosen::Table<float> table_;
  HostTensors gradients_;
  std::vector<float> scratch_;
  std::vector<bosen::RowView<float>> views_;  ///< from `await` to `finish`
};

}  // namespace poseidon
