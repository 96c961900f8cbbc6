#include "bosen/base/error.h"

#include <new>

namespace bosen {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
    case ErrorKind::kConfiguration:
    case ErrorKind::kData:
    case ErrorKind::kNetwork:
    case ErrorKind::kStorage:
      return 2;
    case ErrorKind::kTimeout:
      return 110;
    case ErrorKind::kPeerLost:
    case ErrorKind::kDevice:
      return 1;
  }
  return 1;
}

Error as_error(const std::exception& error) {
  if (const auto* const known = dynamic_cast<const Error*>(&error)) return *known;
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return {ErrorKind::kPeerLost,
          no_memory ? "out of memory: use less data, or fewer workers in a process" : error.what()};
}

}  // namespace bosen
