#include "poseidon/backend/cuda/collective.h"

#include "bosen/error.h"

namespace poseidon::cuda {

void Collective::expect_all() const {
  if (given_up_) throw bosen::Error(bosen::ErrorKind::kDevice, "cuda: another worker of this process has failed");
}

}  // namespace poseidon::cuda
