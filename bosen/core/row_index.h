#pragma once

// Row id -> number of a slot, by open addressing. One writer (under its lock); find() may run in other threads at any
// time. A reader that still uses an index that has grown sees it as it was, which is a valid earlier state; the writer
// keeps the outgrown one until such readers have gone (Reclaimer).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "bosen/base/types.h"

namespace bosen::core {

class RowIndex {
 public:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  struct Cells {
    explicit Cells(int log2_size)
        : shift(64 - log2_size),
          mask((std::size_t{1} << log2_size) - 1),
          slots(new std::atomic<std::uint32_t>[mask + 1]) {
      for (std::size_t i = 0; i <= mask; ++i) slots[i].store(kNone, std::memory_order_relaxed);
    }
    const int shift;
    const std::size_t mask;
    const std::unique_ptr<std::atomic<std::uint32_t>[]> slots;
  };

  RowIndex() : owned_(std::make_unique<Cells>(4)), cells_(owned_.get()) {}

  /// The slot of `row`, or kNone. `id_of(slot)` tells which row a slot holds.
  template <class IdOf>
  [[nodiscard]] std::uint32_t find(RowId row, const IdOf& id_of) const {
    const Cells& cells = *cells_.load(std::memory_order_acquire);
    for (std::size_t at = start(cells, row);; at = (at + 1) & cells.mask) {
      const std::uint32_t slot = cells.slots[at].load(std::memory_order_acquire);
      if (slot == kNone) return kNone;
      if (slot != kRemoved && id_of(slot) == row) return slot;
    }
  }

  /// Calls visit(i) for every i below `count`, in order. Meanwhile the processor fetches what `find` of the next rows
  /// (`id_at(i)`) will look at: their cells, and then by `fetch(slot)` their slots. In tables that are larger than the
  /// caches a find is little but waiting for these two. A slot that is fetched is a guess: a cell may have changed, or
  /// hold another row.
  template <class IdAt, class Fetch, class Visit>
  void each_ahead(std::size_t count, const IdAt& id_at, const Fetch& fetch, const Visit& visit) const {
    constexpr std::size_t kAhead = 6;  // finds that wait for memory at a time
    const auto first_cell = [&](std::size_t i) -> const std::atomic<std::uint32_t>& {
      const Cells& cells = *cells_.load(std::memory_order_acquire);
      return cells.slots[start(cells, id_at(i))];
    };
    for (std::size_t i = 0; i < count; ++i) {
      if (i + 2 * kAhead < count) __builtin_prefetch(&first_cell(i + 2 * kAhead));
      if (i + kAhead < count) {
        const std::uint32_t slot = first_cell(i + kAhead).load(std::memory_order_acquire);
        if (slot < kRemoved) fetch(slot);
      }
      visit(i);
    }
  }

  /// Adds a row that is not there. Returns the outgrown cells where the index had to grow, for the caller to keep as
  /// long as readers may use them.
  template <class IdOf>
  std::unique_ptr<Cells> insert(RowId row, std::uint32_t slot, const IdOf& id_of) {
    std::unique_ptr<Cells> outgrown;
    if ((used_ + 1) * 4 > (owned_->mask + 1) * 3) outgrown = rebuild(id_of);
    put(*owned_, row, slot);
    ++used_;
    ++rows_;
    return outgrown;
  }

  template <class IdOf>
  void remove(RowId row, const IdOf& id_of) {
    for (std::size_t at = start(*owned_, row);; at = (at + 1) & owned_->mask) {
      const std::uint32_t slot = owned_->slots[at].load(std::memory_order_relaxed);
      if (slot == kNone) return;
      if (slot == kRemoved || id_of(slot) != row) continue;
      owned_->slots[at].store(kRemoved, std::memory_order_release);
      --rows_;
      return;
    }
  }

  [[nodiscard]] std::size_t size() const { return rows_; }
  [[nodiscard]] std::size_t bytes() const { return (owned_->mask + 1) * sizeof(std::uint32_t); }

 private:
  static constexpr std::uint32_t kRemoved = 0xFFFF'FFFE;

  // Fibonacci hashing: consecutive ids land far apart.
  static std::size_t start(const Cells& cells, RowId row) {
    return static_cast<std::size_t>((static_cast<std::uint64_t>(row) * 0x9E3779B97F4A7C15) >> cells.shift);
  }

  static void put(Cells& cells, RowId row, std::uint32_t slot) {
    std::size_t at = start(cells, row);
    while (cells.slots[at].load(std::memory_order_relaxed) != kNone) at = (at + 1) & cells.mask;
    cells.slots[at].store(slot, std::memory_order_release);
  }

  template <class IdOf>
  std::unique_ptr<Cells> rebuild(const IdOf& id_of) {
    int log2_size = 4;
    while ((rows_ + 1) * 2 > (std::size_t{1} << log2_size)) ++log2_size;
    auto cells = std::make_unique<Cells>(log2_size);
    for (std::size_t at = 0; at <= owned_->mask; ++at) {
      const std::uint32_t slot = owned_->slots[at].load(std::memory_order_relaxed);
      if (slot != kNone && slot != kRemoved) put(*cells, id_of(slot), slot);
    }
    used_ = rows_;
    owned_.swap(cells);
    cells_.store(owned_.get(), std::memory_order_release);
    return cells;
  }

  std::unique_ptr<Cells> owned_;
  std::atomic<Cells*> cells_;
  std::size_t used_ = 0;  // cells that are not kNone
  std::size_t rows_ = 0;
};

}  // namespace bosen::core
