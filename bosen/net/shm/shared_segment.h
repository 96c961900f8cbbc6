#pragma once

// The memory of this process's blocks that other processes of the host can read: a file without a name (memfd), so that
// nothing of it is left behind however the processes end.
//
// Blocks that are given back keep their pages for others of their size, as clearing new ones costs as much as copying
// rows; but pages make room for other sizes, and no more are kept than are in use (and the pool's share besides).
//
// Thread safety: take and give_back by any thread. Pages are made and emptied without the mutex.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bosen/base/block_memory.h"
#include "bosen/net/shm/mapping.h"
#include "bosen/net/shm/segment_layout.h"

namespace bosen::net {

class SharedSegment final : public BlockMemory {
 public:
  /// For a job of so many processes. Throws Error(kNetwork) where the system has no such memory.
  explicit SharedSegment(int processes);
  ~SharedSegment() override;
  SharedSegment(const SharedSegment&) = delete;
  SharedSegment& operator=(const SharedSegment&) = delete;

  /// What other processes open it by, as long as this process lives.
  [[nodiscard]] std::string address() const;

  std::byte* take(std::size_t bytes) override;
  void give_back(std::byte* data, std::size_t bytes) override;
  [[nodiscard]] bool holds(const std::byte* data) const override;

  /// The job is over, though others may still look at blocks that were lent: pages keep what they hold from now on.
  void close();

  [[nodiscard]] SegmentControl& control() const { return *reinterpret_cast<SegmentControl*>(control_.data()); }
  /// Of bytes that it holds.
  [[nodiscard]] std::uint64_t offset_of(const std::byte* data) const {
    return kBlocksOffset + static_cast<std::uint64_t>(data - blocks_.data());
  }

 private:
  /// A piece of blocks_.
  struct Place {
    std::uint64_t offset;
    std::size_t bytes;
  };
  using Places = std::map<std::size_t, std::vector<std::uint64_t>>;  // offsets, by size

  void make_file();
  [[nodiscard]] bool allocate(std::uint64_t offset, std::size_t bytes) const;
  [[nodiscard]] std::optional<Place> reserve(std::size_t bytes);
  [[nodiscard]] std::vector<Place> choose_to_empty(std::size_t bytes);
  void empty(const std::vector<Place>& places);

  int file_ = -1;
  std::size_t capacity_ = 0;
  Mapping control_;
  Mapping blocks_;

  std::mutex mutex_;
  // All guarded by mutex_.
  std::uint64_t used_ = 0;  // what lies beyond was never given out
  Places kept_;             // given back, with their pages
  Places emptied_;          // given back, without pages
  std::size_t kept_bytes_ = 0;
  std::size_t bytes_in_use_ = 0;
  bool closed_ = false;
};

}  // namespace bosen::net
