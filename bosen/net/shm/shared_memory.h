#pragma once

// Blocks of rows on their way between processes of one host: instead of the bytes travels a reference, and the receiver
// reads the sender's memory in place. A lent block is held, and so not written, until the receiver has dropped it.
//
// Who can read whose memory stands in the memory itself (`SegmentControl::readers`), so nothing is agreed on by
// messages: until a peer has opened this memory, and where it cannot, blocks are copied as between hosts.
//
// Thread safety: `reaches` and `borrow` by any thread; the others under the transport's mutex.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/base/types.h"
#include "bosen/net/shm/peer_segment.h"
#include "bosen/net/shm/shared_segment.h"

namespace bosen::net {

class SharedMemory {
 public:
  /// Of process `own` of so many. Throws Error(kNetwork) where the system has no such memory.
  SharedMemory(Rank own, int processes);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// What peers `open` it by.
  [[nodiscard]] std::string address() const { return segment_->address(); }
  /// For the pool whose blocks are to be lent.
  [[nodiscard]] std::shared_ptr<BlockMemory> block_memory() const { return segment_; }

  /// Makes a peer's memory readable here; before anything is sent. Throws Error(kNetwork) where that can't be.
  void open(Rank peer, const std::string& address);

  /// Whether that peer can read this process's blocks.
  [[nodiscard]] bool reaches(Rank peer) const;
  /// Lends a block to a peer; nothing: it has to be copied.
  std::optional<BlockReference> lend(Rank peer, const BufferRef& block);
  /// Blocks that have been given back meanwhile; to be dropped without the mutex.
  std::vector<BufferRef> take_back();
  /// How many blocks peers look at.
  [[nodiscard]] std::size_t lent() const { return loans_.size() - free_loans_.size(); }

  /// The block that a peer has lent; none: there is no such block.
  [[nodiscard]] BufferRef borrow(Rank peer, const BlockReference& reference) const;

 private:
  const Rank own_;
  const std::shared_ptr<SharedSegment> segment_;
  struct Loan {
    BufferRef block;           // none: it is free
    std::uint32_t serial = 0;  // counts how often it was lent
  };
  std::map<Rank, std::shared_ptr<PeerSegment>> peers_;  // those whose memory can be read; fixed before frames flow
  std::vector<Loan> loans_;                             // by number
  std::vector<std::uint32_t> free_loans_;               // numbers
};

}  // namespace bosen::net
