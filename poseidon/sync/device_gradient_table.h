#pragma once

// Scheme `ps` under bsp where the workers of a process have devices that add up among themselves: each worker brings
// the sum of some rows to the host, hands it to the shards, and hands out what comes back. A job of one process needs
// no table: the sum over its devices is the sum.

#include <memory>
#include <vector>

#include "poseidon/backend.h"
#include "poseidon/device_group.h"
#include "poseidon/sync/coded_rows.h"
#include "poseidon/sync/parameter_rows.h"
#include "poseidon/sync/synchronizer.h"

namespace poseidon {

class DeviceGradientTable final : public Synchronizer {
 public:
  /// The backend outlives it, and has a group.
  DeviceGradientTable(const ParameterRows& rows, RowTable table, int processes, Backend& backend,
                      const std::vector<Tensor*>& gradients);

  [[nodiscard]] Scheme scheme() const override { return Scheme::kPs; }
  void fetch() override;
  [[nodiscard]] bool is_fetched() override { return !needs_table() || backend_.is_past(fetched_); }
  void await_fetch() override {
    if (needs_table()) backend_.await(fetched_);
  }
  void start(bosen::Worker& worker) override;
  void await(bosen::Worker& worker) override;
  Outcome finish() override;

 private:
  /// A part of the rows that are this worker's, and where the host has it.
  struct OwnPart {
    Tensor elements;
    std::span<float> host;
  };

  [[nodiscard]] bool needs_table() const { return processes_ > 1; }
  void cut(const ParameterRows& rows, const std::vector<Tensor*>& gradients);

  const int processes_;
  Backend& backend_;
  DeviceGroup& group_;
  std::vector<GroupPart> parts_;        ///< of all workers
  const std::size_t width_;             ///< of a row
  CodedRows own_rows_;                  ///< of this worker, between processes
  std::shared_ptr<Memory> own_memory_;  ///< the rows, one after another
  std::vector<OwnPart> own_parts_;
  Ticket fetched_;  ///< or, without a table, the sum over all devices
};

}  // namespace poseidon
