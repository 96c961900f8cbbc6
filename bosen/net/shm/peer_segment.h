#pragma once

// The shared memory of another process of this host, as this process sees it: its blocks can be read, and given back.

#include <atomic>
#include <memory>
#include <string>

#include "bosen/base/buffer.h"
#include "bosen/base/types.h"
#include "bosen/net/shm/mapping.h"
#include "bosen/net/shm/segment_layout.h"

namespace bosen::net {

class PeerSegment : public std::enable_shared_from_this<PeerSegment> {
 public:
  /// Opens it, and tells its owner that process `own` can read it. Throws Error(kNetwork) where this process may not or
  /// cannot: another user, another namespace of processes, too few addresses.
  static std::shared_ptr<PeerSegment> open(const std::string& address, Rank own);

  /// A lent block, which goes back to its owner with the last reference; none: there is no such block. Any thread.
  BufferRef borrow(const BlockReference& reference);

 private:
  class BorrowedBlock;

  PeerSegment(Mapping control, Mapping blocks) : control_(std::move(control)), blocks_(std::move(blocks)) {}
  [[nodiscard]] SegmentControl& control() const { return *reinterpret_cast<SegmentControl*>(control_.data()); }
  void give_back(std::uint32_t loan, std::uint32_t serial);

  Mapping control_;
  Mapping blocks_;
};

}  // namespace bosen::net
