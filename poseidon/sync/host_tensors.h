#pragma once

// Tensors of a layer as the host sees them: themselves where the device shares its memory with the host, else copies.

#include <span>
#include <vector>

#include "poseidon/backend.h"

namespace poseidon {

/// Used by its worker's thread. The tensors and the backend outlive it.
class HostTensors {
 public:
  HostTensors(Backend& backend, std::vector<Tensor*> tensors);

  /// Brings what the device has computed to the host.
  void fetch();
  /// Brings what was written at `data()` to the device.
  void put();

  [[nodiscard]] std::span<float* const> data() const { return data_; }

 private:
  Backend& backend_;
  std::vector<Tensor*> tensors_;
  std::vector<std::vector<float>> copies_;  ///< empty where the host reaches the tensor
  std::vector<float*> data_;
};

}  // namespace poseidon
