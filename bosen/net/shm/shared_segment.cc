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

// Of the addresses that a process may have; the rest is for all else.
constexpr std::size_t kAddressesShare = 2;
constexpr std::size_t kAddressesMax = std::size_t{1} << 47;

/// The limit of a resource, or `most` where that is less.
std::size_t limit_of(int resource, std::size_t most) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return most;
  return std::min<std::size_t>(most, limit.rlim_cur);
}

/// As much as the machine has, or as a file may have (a process that makes one too large is killed), or as all of the
/// job's processes can map of each other. What lies beyond is on the heap. Only what is used takes memory.
std::size_t choose_capacity(int processes) {
  const std::size_t machine =
      static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t addresses = limit_of(RLIMIT_AS, kAddressesMax) / kAddressesShare;
  const std::size_t bytes =
      std::min({machine, limit_of(RLIMIT_FSIZE, machine), addresses / static_cast<std::size_t>(processes)});
  return bytes / kBlocksOffset * kBlocksOffset;
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

int make_memory_file() {
  int file = -1;
#ifdef MFD_NOEXEC_SEAL
  file = ::memfd_create(kSegmentName, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
#endif
  return file >= 0 ? file : ::memfd_create(kSegmentName, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

}  // namespace

SharedSegment::SharedSegment(int processes) : capacity_(choose_capacity(processes)) {
  std::random_device device;
  const std::uint64_t token = (std::uint64_t{device()} << 32) | device();
  file_ = make_memory_file();
  if (file_ < 0) fail("the system has no memory to share");
  try {
    make_file();
  } catch (...) {
    ::close(file_);
    throw;
  }
  ::madvise(blocks_.data(), blocks_.bytes(), MADV_HUGEPAGE);  // where the system lets shared memory have them
  auto* control = new (control_.data()) SegmentControl{};
  control->token = token;
  control->capacity = capacity_;
  control->magic = kSegmentMagic;
}

SharedSegment::~SharedSegment() { ::close(file_); }

void SharedSegment::make_file() {
  if (capacity_ <= kBlocksOffset) {
    throw Error(ErrorKind::kNetwork,
                "files or addresses are too few to share memory: raise their limits (ulimit -f, -v)");
  }
  // Peers rely on its size: reading beyond the end of a file would kill them.
  if (::ftruncate(file_, static_cast<off_t>(capacity_)) != 0 ||
      ::fcntl(file_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    fail("cannot size shared memory");
  }
  if (!allocate(0, sizeof(SegmentControl))) fail("there is no memory left to share");
  control_ = Mapping(file_, 0, kBlocksOffset, PROT_READ | PROT_WRITE);
  blocks_ = Mapping(file_, kBlocksOffset, capacity_ - kBlocksOffset, PROT_READ | PROT_WRITE);
}

std::string SharedSegment::address() const { return SegmentAddress{::getpid(), file_, control().token}.text(); }

// Pages are there afterwards: without memory for them the first touch would kill the process. In pieces, as a signal
// may undo an allocation that it interrupts.
bool SharedSegment::allocate(std::uint64_t offset, std::size_t bytes) const {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  while (bytes > 0) {
    const std::size_t piece = std::min(bytes, kPiece);
    if (::fallocate(file_, 0, static_cast<off_t>(offset), static_cast<off_t>(piece)) == 0) {
      offset += piece;
      bytes -= piece;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::byte* SharedSegment::take(std::size_t bytes) {
  std::vector<Place> to_empty;
  std::optional<Place> place;
  {
    const std::lock_guard lock(mutex_);
    std::uint64_t offset = 0;
    if (pop(kept_, bytes, offset)) {
      kept_bytes_ -= bytes;
      bytes_in_use_ += bytes;
      return blocks_.data() + offset;
    }
    place = reserve(bytes);
    if (!place) return nullptr;
    bytes_in_use_ += bytes;
    to_empty = choose_to_empty(bytes);
  }
  empty(to_empty);
  if (allocate(kBlocksOffset + place->offset, bytes)) return blocks_.data() + place->offset;
  const std::lock_guard lock(mutex_);
  bytes_in_use_ -= bytes;
  emptied_[bytes].push_back(place->offset);
  return nullptr;
}

// A place without pages.
std::optional<SharedSegment::Place> SharedSegment::reserve(std::size_t bytes) {
  std::uint64_t offset = 0;
  if (pop(emptied_, bytes, offset)) return Place{offset, bytes};
  if (bytes > blocks_.bytes() - used_) return {};
  offset = used_;
  used_ += bytes;
  return Place{offset, bytes};
}

void SharedSegment::give_back(std::byte* data, std::size_t bytes) {
  std::vector<Place> to_empty;
  {
    const std::lock_guard lock(mutex_);
    bytes_in_use_ -= bytes;
    if (closed_) return;
    kept_[bytes].push_back(static_cast<std::uint64_t>(data - blocks_.data()));
    kept_bytes_ += bytes;
    const std::size_t most = bytes_in_use_ + limits::kPooledBytesMax;
    if (kept_bytes_ > most) to_empty = choose_to_empty(kept_bytes_ - most);
  }
  empty(to_empty);
}

// Of what is kept, so many bytes if there are; the largest first, as each costs a system call.
std::vector<SharedSegment::Place> SharedSegment::choose_to_empty(std::size_t bytes) {
  std::vector<Place> places;
  std::size_t chosen = 0;
  for (auto size = kept_.rbegin(); size != kept_.rend(); ++size) {
    while (!size->second.empty() && chosen < bytes) {
      places.push_back({size->second.back(), size->first});
      size->second.pop_back();
      chosen += size->first;
    }
  }
  kept_bytes_ -= chosen;
  return places;
}

// Gives their pages to the system.
void SharedSegment::empty(const std::vector<Place>& places) {
  static const auto kPage = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const Place& place : places) {
    // Whole pages only; neighbours have the others.
    const std::uint64_t begin = (place.offset + kPage - 1) / kPage * kPage;
    const std::uint64_t end = (place.offset + place.bytes) / kPage * kPage;
    if (begin < end) {
      ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(kBlocksOffset + begin),
                  static_cast<off_t>(end - begin));
    }
  }
  if (places.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const Place& place : places) emptied_[place.bytes].push_back(place.offset);
}

bool SharedSegment::holds(const std::byte* data) const {
  return data >= blocks_.data() && data < blocks_.data() + blocks_.bytes();
}

void SharedSegment::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

}  // namespace bosen::net
