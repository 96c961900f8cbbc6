#pragma once

// Sums of the squares of tensors' elements.

#include <cstdint>
#include <span>

#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {

/// Of one tensor, however it is arranged; written to result[0].
void sum_of_squares(Device& device, const Tensor& tensor, double* result);

/// Of many, in two launches, however many there are and however unequal.
class SquareSums {
 public:
  /// Of row-major tensors, which outlive it and keep their memory.
  SquareSums(Device& device, std::span<const Tensor* const> tensors);

  /// One sum a tensor, in their order.
  void run(double* sums);

 private:
  // Tensors are cut into pieces, so that all blocks have as much to do.
  struct Cut;
  SquareSums(Device& device, const Cut& cut);

  Device& device_;
  std::int64_t tensors_, pieces_;
  std::int64_t most_pieces_;  ///< that a tensor has
  std::int64_t longest_piece_;
  DeviceMemory table_;  ///< of the pieces
  DeviceMemory ends_;   ///< of each tensor's pieces, all counted through
  DeviceMemory parts_;  ///< the pieces' sums
};

}  // namespace poseidon::cuda
