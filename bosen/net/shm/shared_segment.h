#pragma once

// The memory of this process's blocks that other processes of the host can read: a file without a name (memfd), so that
// nothing of it is left behind however the processes end.
//
// Thread safety: take and give_back by any thread.

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "bosen/base/block_memory.h"
#include "bosen/net/shm/mapping.h"
#include "bosen/net/shm/segment_layout.h"

namespace bosen::net {

class SharedSegment final : public BlockMemory {
 public:
  /// Throws Error(kNetwork) where the system has no such memory.
  SharedSegment();
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
  using Places = std::map<std::size_t, std::vector<std::uint64_t>>;  // offsets within blocks_, by size

  [[nodiscard]] bool allocate(std::uint64_t offset, std::size_t bytes) const;
  void empty(std::size_t bytes);

  int file_ = -1;
  std::size_t capacity_ = 0;
  Mapping control_;
  Mapping blocks_;

  std::mutex mutex_;
  // All guarded by mutex_.
  std::uint64_t used_ = 0;  // what lies beyond was never given out
  Places kept_;             // given back, with their pages: new ones would have to be cleared first
  Places emptied_;          // given back, without pages
  bool closed_ = false;
};

}  // namespace bosen::net
