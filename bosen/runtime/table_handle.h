#pragma once

// One table in the process, as the typed public handles use it: elements are bytes here.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "bosen/base/traffic.h"
#include "bosen/core/client_table.h"
#include "bosen/runtime/worker_context.h"

namespace bosen::runtime {

class Process;

/// Any worker of the process, each with its own context. Bad arguments throw Error(kUsage).
class TableHandle {
 public:
  TableHandle(Process& process, core::ClientTable& table, TableId id) : process_(process), table_(table), id_(id) {}

  [[nodiscard]] const wire::RowShape& shape() const { return table_.spec().shape; }
  [[nodiscard]] core::ClientTable& table() { return table_; }

  /// The row's bytes: elements of a dense row, a wire::SparseRecord of a sparse one.
  const std::byte* get(WorkerContext& worker, RowId row) {
    const std::byte* data = table_.read(table_.part(worker.local_id()), row);
    return data != nullptr ? data : fetch(worker, row);
  }
  std::vector<const std::byte*> get(WorkerContext& worker, std::span<const RowId> rows);
  void prefetch(WorkerContext& worker, std::span<const RowId> rows);

  /// `elements` is how many the caller brings.
  void inc_row(WorkerContext& worker, RowId row, const std::byte* updates, std::size_t elements);
  void inc_columns(WorkerContext& worker, RowId row, std::span<const Column> columns, const std::byte* updates,
                   std::size_t elements);

  void advance(WorkerContext& worker);

  /// By how many clocks the worker's reads may lag at its clock.
  [[nodiscard]] Clock staleness(const WorkerContext& worker) const {
    const auto& part = table_.part(worker.local_id());
    return part.clock - part.needed;
  }

  [[nodiscard]] Traffic traffic() const;

 private:
  const std::byte* fetch(WorkerContext& worker, RowId row);
  std::uint32_t slot_to_inc(core::ClientTable::WorkerPart& part, RowId row);
  [[noreturn]] void refuse(RowId row, const std::string& problem) const;

  Process& process_;
  core::ClientTable& table_;
  const TableId id_;
};

}  // namespace bosen::runtime
