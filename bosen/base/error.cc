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

}  // namespace bosen
