#include "bosen/net/shm/mapping.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "bosen/base/error.h"

namespace bosen::net {

Mapping::Mapping(int file, std::size_t offset, std::size_t bytes, int protection) {
  void* data = ::mmap(nullptr, bytes, protection, MAP_SHARED | MAP_NORESERVE, file, static_cast<off_t>(offset));
  if (data == MAP_FAILED) {
    throw Error(ErrorKind::kNetwork, fmt::format("cannot map {} bytes of shared memory ({}): raise the limit of "
                                                 "addresses (ulimit -v)",
                                                 bytes, std::strerror(errno)));
  }
  data_ = static_cast<std::byte*>(data);
  bytes_ = bytes;
  // Rows of all processes of a host in the core dump of each help nobody.
  ::madvise(data, bytes, MADV_DONTDUMP);
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace bosen::net
