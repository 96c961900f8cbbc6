#include "bosen/net/shm/shared_segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <random>

#include "bosen/base/assert.h"
#include "bosen/base/error.h"

namespace bosen::net {
namespace {

/// As much as the machine has, or as a file may have: what lies beyond is on the heap. Only what is used takes memory.
std::size_t capacity() {
  std::size_t bytes = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
                      static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / kBlocksOffset * kBlocksOffset;
  rlimit file{};
  // A process that makes a file too large is killed.
  if (::getrlimit(RLIMIT_FSIZE, &file) == 0 && file.rlim_cur != RLIM_INFINITY) {
    bytes = std::min<std::size_t>(bytes, file.rlim_cur / kBlocksOffset * kBlocksOffset);
  }
  return bytes;
}

/// Takes a place of that size out, if there is one.
bool pop(std::map<std::size_t, std::vector<std::uint64_t>>& places, std::size_t bytes, std::uint64_t& offset) {
  const auto found = places.find(bytes);
  if (found == places.end() || found->second.empty()) return false;
  offset = found->second.back();
  found->second.pop_back();
  return true;
}

[[noreturn]] void fail(const char* what) {
  throw Error(ErrorKind::kNetwork, fmt::format("{} ({})", what, std::strerror(errno)));
}

}  // namespace

SharedSegment::SharedSegment() : capacity_(capacity()) {
  file_ = ::memfd_create("bosen-blocks", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file_ < 0) fail("the system has no memory to share");
  try {
    if (capacity_ <= kBlocksOffset) {
      throw Error(ErrorKind::kNetwork, "files may not be large enough to share memory: raise their limit (ulimit -f)");
    }
    // Peers rely on its size: reading beyond the end of a file would kill them.
    if (::ftruncate(file_, static_cast<off_t>(capacity_)) != 0 ||
        ::fcntl(file_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
      fail("cannot size shared memory");
    }
    if (!allocate(0, sizeof(SegmentControl))) fail("there is no memory left to share");
    control_ = Mapping(file_, 0, kBlocksOffset, PROT_READ | PROT_WRITE);
    blocks_ = Mapping(file_, kBlocksOffset, capacity_ - kBlocksOffset, PROT_READ | PROT_WRITE);
  } catch (...) {
    ::close(file_);
    throw;
  }
  ::madvise(blocks_.data(), blocks_.bytes(), MADV_HUGEPAGE);  // where the system lets shared memory have them
  auto* control = new (control_.data()) SegmentControl{};
  std::random_device device;
  control->token = (std::uint64_t{device()} << 32) | device();
  control->capacity = capacity_;
  control->magic = kSegmentMagic;
}

SharedSegment::~SharedSegment() { ::close(file_); }

std::string SharedSegment::address() const { return SegmentAddress{::getpid(), file_, control().token}.text(); }

// Pages are there afterwards: without memory for them the first touch would kill the process.
bool SharedSegment::allocate(std::uint64_t offset, std::size_t bytes) const {
  int result = 0;
  do {
    result = ::fallocate(file_, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

std::byte* SharedSegment::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  std::uint64_t offset = 0;
  if (pop(kept_, bytes, offset)) return blocks_.data() + offset;
  empty(bytes);
  if (!pop(emptied_, bytes, offset)) {
    if (bytes > blocks_.bytes() - used_) return nullptr;
    offset = used_;
    used_ += bytes;
  }
  if (allocate(kBlocksOffset + offset, bytes)) return blocks_.data() + offset;
  emptied_[bytes].push_back(offset);
  return nullptr;
}

void SharedSegment::give_back(std::byte* data, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!closed_) kept_[bytes].push_back(static_cast<std::uint64_t>(data - blocks_.data()));
}

// Gives the system the pages of blocks of other sizes that nobody uses, so many bytes of them if there are.
void SharedSegment::empty(std::size_t bytes) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::size_t done = 0;
  for (auto& [size, offsets] : kept_) {
    while (!offsets.empty() && done < bytes) {
      const std::uint64_t offset = offsets.back();
      offsets.pop_back();
      emptied_[size].push_back(offset);
      done += size;
      // Whole pages only; neighbours have the others.
      const std::uint64_t begin = (offset + page - 1) / page * page;
      const std::uint64_t end = (offset + size) / page * page;
      if (begin >= end) continue;
      ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(kBlocksOffset + begin),
                  static_cast<off_t>(end - begin));
    }
  }
}

bool SharedSegment::holds(const std::byte* data) const {
  return data >= blocks_.data() && data < blocks_.data() + blocks_.bytes();
}

void SharedSegment::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

}  // namespace bosen::net
