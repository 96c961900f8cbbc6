#include "bosen/runtime/table_handle.h"

#include <algorithm>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {

using core::RowIndex;

void TableHandle::refuse(RowId row, const std::string& problem) const {
  throw Error(ErrorKind::kUsage, "table '" + table_.spec().name + "', row " + std::to_string(row) + ": " + problem);
}

const std::byte* TableHandle::fetch(WorkerContext& worker, RowId row) {
  auto& part = table_.part(worker.local_id());
  ++part.misses;
  process_.with_client([&](core::Outbox& outbox) { table_.request(part, {&row, 1}, outbox); });
  const std::byte* data = nullptr;
  worker.wait_until(
      {.needed = part.needed}, [&] { return (data = table_.read(part, row)) != nullptr; },
      [&] {
        return "row " + std::to_string(row) + " of table '" + table_.spec().name + "' at clock " +
               std::to_string(part.clock);
      });
  return data;
}

std::vector<const std::byte*> TableHandle::get(WorkerContext& worker, std::span<const RowId> rows) {
  std::vector<const std::byte*> found(rows.size());
  auto& part = table_.part(worker.local_id());
  std::vector<RowId> missing;
  table_.each_ahead(rows, [&](std::size_t i) {
    found[i] = table_.read(part, rows[i]);
    if (found[i] == nullptr) missing.push_back(rows[i]);
  });
  if (missing.empty()) return found;
  process_.with_client([&](core::Outbox& outbox) { table_.request(part, missing, outbox); });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (found[i] == nullptr) found[i] = get(worker, rows[i]);
  }
  return found;
}

void TableHandle::prefetch(WorkerContext& worker, std::span<const RowId> rows) {
  auto& part = table_.part(worker.local_id());
  process_.with_client([&](core::Outbox& outbox) { table_.request(part, rows, outbox); });
}

std::uint32_t TableHandle::slot_to_inc(core::ClientTable::WorkerPart& part, RowId row) {
  std::uint32_t slot = table_.slot_to_inc(part, row);
  while (slot == RowIndex::kNone) {
    process_.with_client([&](core::Outbox&) { table_.add_slot(row); });
    slot = table_.slot_to_inc(part, row);
  }
  return slot;
}

void TableHandle::inc_row(WorkerContext& worker, RowId row, const std::byte* updates, std::size_t elements) {
  if (elements != static_cast<std::size_t>(shape().width)) {
    refuse(row, "the update has " + std::to_string(elements) + " elements, the row " + std::to_string(shape().width));
  }
  auto& part = table_.part(worker.local_id());
  const std::uint32_t slot = slot_to_inc(part, row);
  part.delta.inc_dense(slot, row, table_.shard(slot), updates);
}

void TableHandle::inc_columns(WorkerContext& worker, RowId row, std::span<const Column> columns,
                              const std::byte* updates, std::size_t elements) {
  if (elements != columns.size()) {
    refuse(row, std::to_string(columns.size()) + " columns with " + std::to_string(elements) + " updates");
  }
  if (columns.empty()) return;
  auto& part = table_.part(worker.local_id());
  if (shape().kind == RowKind::kSparse) {
    const std::uint32_t slot = slot_to_inc(part, row);
    if (!part.delta.has_room(slot, columns.size())) {
      refuse(row, "updates of more than " + std::to_string(limits::kRowBytesMax) +
                      " bytes in one clock: spread the columns over several rows");
    }
    part.delta.inc_sparse(slot, row, table_.shard(slot), columns, updates);
    return;
  }
  const Column last = *std::max_element(columns.begin(), columns.end());
  if (last >= shape().width) {
    refuse(row, "column " + std::to_string(last) + " is out of range: the table is " + std::to_string(shape().width) +
                    " wide");
  }
  const std::uint32_t slot = slot_to_inc(part, row);
  part.delta.inc_dense_at(slot, row, table_.shard(slot), columns, updates);
}

void TableHandle::advance(WorkerContext& worker) {
  const Clock clock = table_.part(worker.local_id()).clock;
  if (clock != worker.clock()) {
    throw Error(ErrorKind::kUsage, "table '" + table_.spec().name + "' was advanced twice at clock " +
                                       std::to_string(worker.clock()) + ": call worker.advance() in between");
  }
  core::ClientTable* const table = &table_;
  process_.advance_tables(worker.local_id(), std::span(&table, 1), false);
}

Traffic TableHandle::traffic() const { return process_.table_traffic(id_); }

}  // namespace bosen::runtime
