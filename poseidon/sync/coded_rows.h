#pragma once

// The rows of one layer's gradients on the shards, as the layer's codec has them: what this worker sends and what it
// reads. Used by its worker's thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bosen/table.h"
#include "bosen/worker.h"
#include "poseidon/sync/gradient_codec.h"
#include "poseidon/sync/parameter_rows.h"

namespace poseidon {

/// One layer's rows under bsp, in one of two tables.
struct RowTable {
  Codec codec = Codec::kFp32;
  bosen::Table<float> floats;        ///< of kFp32
  bosen::Table<std::int32_t> coded;  ///< of the others

  [[nodiscard]] bosen::Traffic traffic() const { return codec == Codec::kFp32 ? floats.traffic() : coded.traffic(); }
};

class CodedRows {
 public:
  /// `ids` are the rows that are read, of so many floats each; `sent` those of them that this worker sends.
  CodedRows(RowTable table, std::int64_t width, std::vector<bosen::RowId> ids, RowRange sent);

  /// A row's gradients, as wide as it is. Of each row that this worker sends once a clock; then `advance`.
  void send(bosen::Worker& worker, std::size_t row, std::span<const float> values);
  void advance(bosen::Worker& worker);

  /// Waits for the sums of all rows.
  void await(bosen::Worker& worker);
  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  /// The sum that came last, valid until another row is asked for. After `await`.
  [[nodiscard]] std::span<const float> row(std::size_t row);
  /// Lets go of what has come.
  void release();

 private:
  [[nodiscard]] bool is_coded() const { return table_.codec != Codec::kFp32; }
  [[nodiscard]] std::span<float> late(std::size_t row);

  const RowTable table_;
  const std::size_t width_;
  const std::vector<bosen::RowId> ids_;
  const RowRange sent_;
  std::vector<float> late_;          ///< of the rows that are sent: what no clock has sent yet
  std::vector<std::int32_t> words_;  ///< of the row that is being sent
  std::vector<float> decoded_;       ///< of the row that was asked for last
  std::vector<bosen::RowView<float>> floats_;
  std::vector<bosen::RowView<std::int32_t>> coded_;
};

}  // namespace poseidon
