#include "bosen/net/shm/peer_segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "bosen/base/error.h"

namespace bosen::net {
namespace {

/// An open file, closed at the end; mappings keep what they need.
struct File {
  explicit File(int opened) : descriptor(opened) {}
  ~File() { ::close(descriptor); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const int descriptor;
};

[[noreturn]] void refuse(const std::string& address, const std::string& why) {
  throw Error(ErrorKind::kNetwork, fmt::format("cannot read the memory at {}: {}", address, why));
}

/// The path of a file that process `pid` has open. Looked at before it is opened: where the number is another process's
/// (in a container), that file may be anything.
std::string path_of(const SegmentAddress& address) {
  const std::string path = fmt::format("/proc/{}/fd/{}", address.pid, address.file);
  std::error_code error;
  const std::string file = std::filesystem::read_symlink(path, error).string();
  if (error) refuse(address.text(), error.message());
  if (!file.starts_with(std::string("/memfd:") + kSegmentName))
    refuse(address.text(), "it is another process's file here");
  return path;
}

std::size_t checked_size(int file, const SegmentAddress& address) {
  struct stat status {};
  const int seals = ::fcntl(file, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(file, &status) != 0 ||
      status.st_size <= static_cast<off_t>(kBlocksOffset)) {
    refuse(address.text(), "it is not of this program");
  }
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

/// A block in a peer's memory, given back with its last reference.
class PeerSegment::BorrowedBlock final : public BufferOwner {
 public:
  BorrowedBlock(std::shared_ptr<PeerSegment> segment, std::byte* data, const BlockReference& reference)
      : segment_(std::move(segment)),
        loan_(reference.loan),
        serial_(reference.serial),
        buffer_(*this, data, reference.bytes, Buffer::Access::kReadOnly) {
    buffer_.size = reference.bytes;
  }
  Buffer* buffer() { return &buffer_; }
  void release(Buffer* /*buffer*/) override {
    segment_->give_back(loan_, serial_);
    delete this;
  }

 private:
  const std::shared_ptr<PeerSegment> segment_;
  const std::uint32_t loan_;
  const std::uint32_t serial_;
  Buffer buffer_;
};

std::shared_ptr<PeerSegment> PeerSegment::open(const std::string& address_text, Rank own) {
  const SegmentAddress address = SegmentAddress::parse(address_text);
  const File file(::open(path_of(address).c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (file.descriptor < 0) refuse(address_text, std::strerror(errno));
  const std::size_t size = checked_size(file.descriptor, address);
  Mapping control(file.descriptor, 0, kBlocksOffset, PROT_READ | PROT_WRITE);
  Mapping blocks(file.descriptor, kBlocksOffset, size - kBlocksOffset, PROT_READ);
  const std::shared_ptr<PeerSegment> segment(new PeerSegment(std::move(control), std::move(blocks)));
  const SegmentControl& head = segment->control();
  if (head.magic != kSegmentMagic || head.token != address.token || head.capacity != size) {
    refuse(address_text, "it is another process's file here");
  }
  segment->control().readers[static_cast<std::size_t>(own)].store(1, std::memory_order_release);
  return segment;
}

BufferRef PeerSegment::borrow(const BlockReference& reference) {
  if (reference.loan >= limits::kLoansMax || reference.offset < kBlocksOffset || reference.offset % 8 != 0) return {};
  const std::uint64_t offset = reference.offset - kBlocksOffset;
  if (offset > blocks_.bytes() || reference.bytes > blocks_.bytes() - offset) return {};
  auto* block = new BorrowedBlock(shared_from_this(), blocks_.data() + offset, reference);
  return BufferRef::adopt(block->buffer());
}

void PeerSegment::give_back(std::uint32_t loan, std::uint32_t serial) {
  control().returned_serial[loan].store(serial, std::memory_order_relaxed);
  std::atomic<std::uint32_t>& returned = control().returned;
  std::uint32_t latest = returned.load(std::memory_order_relaxed);
  do {
    control().returned_before[loan].store(latest, std::memory_order_relaxed);
  } while (!returned.compare_exchange_weak(latest, loan + 1, std::memory_order_release, std::memory_order_relaxed));
}

}  // namespace bosen::net
