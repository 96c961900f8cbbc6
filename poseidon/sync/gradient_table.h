#pragma once

// Scheme `ps` under bsp: gradients up to the shards, their sum down. The workers of a process add theirs up first. The
// table keeps the last clock's sum alone (clock_sum), so every worker reads the same sum, formed once: in the order of
// the workers of a process, and of the processes.

#include <vector>

#include "poseidon/sync/coded_rows.h"
#include "poseidon/sync/host_tensors.h"
#include "poseidon/sync/local_sum.h"
#include "poseidon/sync/parameter_rows.h"
#include "poseidon/sync/synchronizer.h"

namespace poseidon {

class GradientTable final : public Synchronizer {
 public:
  /// All outlive it.
  GradientTable(const ParameterRows& rows, RowTable table, LocalGradients& local, bosen::Worker& worker,
                Backend& backend, std::vector<Tensor*> gradients);

  [[nodiscard]] Scheme scheme() const override { return Scheme::kPs; }
  void fetch() override { gradients_.begin_fetch(); }
  /// Those of the other workers of the process as well.
  [[nodiscard]] bool is_fetched() override;
  void await_fetch() override;
  void start(bosen::Worker& worker) override;
  void await(bosen::Worker& worker) override;
  Outcome finish() override;

 private:
  const ParameterRows& rows_;
  HostTensors gradients_;
  LocalSum sum_;
  CodedRows sums_;  ///< of all processes
};

}  // namespace poseidon
