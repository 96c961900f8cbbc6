#pragma once

// Tables: rows shared by all workers of a job, read and incremented as if they were local.

#include <span>
#include <vector>

#include "bosen/base/types.h"
#include "bosen/row.h"
#include "bosen/traffic.h"
#include "bosen/worker.h"

namespace bosen {

namespace runtime {
class TableHandle;
}

/// A table of dense rows of `width` elements, all zero at first. A handle: cheap to copy, usable by every worker of the
/// process, valid as long as its Cluster. T is float, double, std::int32_t or std::int64_t.
///
///     auto row = weights.get(worker, 3);          // RowView<float>: no copy
///     weights.inc(worker, 3, gradient);           // std::span<const float>
///     worker.advance();
///
/// A column out of range, or a span of another length than the width, throws Error(kUsage).
template <class T>
class Table {
  static_assert(
      requires { ElementTypeOf<T>::value; }, "elements are float, double, std::int32_t or std::int64_t");

 public:
  /// None yet: using it throws Error(kUsage).
  Table() = default;
  explicit Table(runtime::TableHandle& handle) : handle_(&handle) {}

  /// The row as the table's consistency model allows the worker to see it, its own updates included. Waits for the
  /// network only where no copy in the process is fresh enough.
  [[nodiscard]] RowView<T> get(Worker& worker, RowId row) const;

  /// Several rows at once, in the order asked for: all that are missing are fetched together.
  [[nodiscard]] std::vector<RowView<T>> get(Worker& worker, std::span<const RowId> rows) const;

  /// Starts to fetch what a later get at this clock would have to wait for. Does not wait.
  void prefetch(Worker& worker, std::span<const RowId> rows) const;

  /// Adds `update` to one element.
  void inc(Worker& worker, RowId row, Column column, T update) const;

  /// Adds `updates`, as many as the table is wide, to the row.
  void inc(Worker& worker, RowId row, std::span<const T> updates) const;

  /// Adds updates[i] to element columns[i] for every i.
  void inc(Worker& worker, RowId row, std::span<const Column> columns, std::span<const T> updates) const;

  /// Ends the worker's iteration on this table alone, before its advance().
  void advance(Worker& worker) const;

  /// By how many clocks this worker's reads may lag at its clock; changes from clock to clock under `--staleness auto`.
  [[nodiscard]] Clock staleness(Worker& worker) const;

  /// Elements of a row.
  [[nodiscard]] std::int64_t width() const;

  /// What the table has cost this process on the network, as reader, writer and shard. Any thread.
  [[nodiscard]] Traffic traffic() const;

 private:
  runtime::TableHandle* handle_ = nullptr;
};

/// A table of sparse rows, all empty at first; otherwise like Table.
template <class T>
class SparseTable {
  static_assert(
      requires { ElementTypeOf<T>::value; }, "elements are float, double, std::int32_t or std::int64_t");

 public:
  SparseTable() = default;
  explicit SparseTable(runtime::TableHandle& handle) : handle_(&handle) {}

  [[nodiscard]] SparseRowView<T> get(Worker& worker, RowId row) const;
  [[nodiscard]] std::vector<SparseRowView<T>> get(Worker& worker, std::span<const RowId> rows) const;
  void prefetch(Worker& worker, std::span<const RowId> rows) const;

  void inc(Worker& worker, RowId row, Column column, T update) const;
  void inc(Worker& worker, RowId row, std::span<const Column> columns, std::span<const T> updates) const;

  void advance(Worker& worker) const;
  [[nodiscard]] Clock staleness(Worker& worker) const;

  [[nodiscard]] Traffic traffic() const;

 private:
  runtime::TableHandle* handle_ = nullptr;
};

}  // namespace bosen
