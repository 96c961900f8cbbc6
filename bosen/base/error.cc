#include "bosen/base/error.h"

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
  const auto* const known = dynamic_cast<const Error*>(&error);
  return known != nullptr ? *known : Error(ErrorKind::kPeerLost, error.what());
}

}  // namespace bosen
