#include "poseidon/backend.h"

namespace poseidon {

int history_count(UpdateRule::Kind kind) {
  switch (kind) {
    case UpdateRule::Kind::kSgd:
    case UpdateRule::Kind::kNesterov:
    case UpdateRule::Kind::kAdaGrad:
      return 1;
    case UpdateRule::Kind::kAdam:
      return 2;
  }
  return 0;
}

}  // namespace poseidon
