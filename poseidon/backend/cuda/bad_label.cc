#include "poseidon/backend/cuda/bad_label.h"

#include <fmt/format.h>

#include "bosen/error.h"

namespace poseidon::cuda {

void refuse_label(float label, unsigned classes) {
  throw bosen::Error(bosen::ErrorKind::kData,
                     fmt::format("label {} is out of range: the net's last layer has {} outputs, for labels 0 to {}",
                                 label, classes, classes - 1));
}

}  // namespace poseidon::cuda
