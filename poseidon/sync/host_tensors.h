#pragma once

// Tensors of a layer as the host sees them: themselves where the device shares its memory with the host, else copies.

#include <memory>
#include <span>
#include <vector>

#include "poseidon/backend.h"

namespace poseidon {

/// Used by its worker's thread. The tensors and the backend outlive it.
class HostTensors {
 public:
  HostTensors(Backend& backend, std::vector<Tensor*> tensors);

  /// Begins to bring what the device computes to the host, once it has; the tensors stay as they are until it is there.
  void begin_fetch();
  [[nodiscard]] bool is_fetched();
  void await_fetch();
  /// Brings what was written at `data()` to the device, for what is asked of it from now on. Nothing asked for before
  /// may still use the tensors.
  void put();

  [[nodiscard]] std::span<float* const> data() const { return data_; }

 private:
  [[nodiscard]] std::span<float> copy(std::size_t tensor) const;

  Backend& backend_;
  std::vector<Tensor*> tensors_;
  std::vector<std::shared_ptr<Memory>> copies_;  ///< null where the host reaches the tensor
  std::vector<float*> data_;
  Ticket fetched_;
};

}  // namespace poseidon
