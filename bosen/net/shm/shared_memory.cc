#include "bosen/net/shm/shared_memory.h"

#include <utility>

#include "bosen/base/assert.h"
#include "bosen/base/limits.h"

namespace bosen::net {

SharedMemory::SharedMemory(Rank own, int processes) : own_(own), segment_(std::make_shared<SharedSegment>(processes)) {}

SharedMemory::~SharedMemory() { segment_->close(); }

void SharedMemory::open(Rank peer, const std::string& address) { peers_[peer] = PeerSegment::open(address, own_); }

bool SharedMemory::reaches(Rank peer) const {
  return segment_->control().readers[static_cast<std::size_t>(peer)].load(std::memory_order_acquire) != 0;
}

std::optional<BlockReference> SharedMemory::lend(Rank peer, const BufferRef& block) {
  if (block->size < limits::kSharedBlockBytesMin || !segment_->holds(block->data) || !reaches(peer)) return {};
  if (free_loans_.empty()) {
    if (loans_.size() == limits::kLoansMax) return {};
    loans_.emplace_back();
    free_loans_.push_back(static_cast<std::uint32_t>(loans_.size() - 1));
  }
  const std::uint32_t number = free_loans_.back();
  free_loans_.pop_back();
  Loan& loan = loans_[number];
  loan.block = block;
  return BlockReference{segment_->offset_of(block->data), block->size, number, ++loan.serial};
}

std::vector<BufferRef> SharedMemory::take_back() {
  std::vector<BufferRef> blocks;
  SegmentControl& control = segment_->control();
  if (control.returned.load(std::memory_order_relaxed) == 0) return blocks;
  std::uint32_t next = control.returned.exchange(0, std::memory_order_acquire);
  while (next != 0) {
    const std::uint32_t number = next - 1;
    // What others wrote is not relied on: a number that is not lent, or an earlier loan of it, ends the list, and what
    // follows stays lent.
    if (number >= loans_.size() || !loans_[number].block) break;
    if (control.returned_serial[number].load(std::memory_order_relaxed) != loans_[number].serial) break;
    next = control.returned_before[number].load(std::memory_order_relaxed);
    blocks.push_back(std::exchange(loans_[number].block, {}));
    free_loans_.push_back(number);
  }
  return blocks;
}

BufferRef SharedMemory::borrow(Rank peer, const BlockReference& reference) const {
  const auto segment = peers_.find(peer);
  return segment == peers_.end() ? BufferRef{} : segment->second->borrow(reference);
}

}  // namespace bosen::net
