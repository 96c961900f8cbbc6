#pragma once

// Products of row-major matrices. nvidia/ has them by cuBLASLt.

#include <cstdint>
#include <memory>

#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/layout.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {

/// c (m x n) = a (m x k) * b (k x n). What is turned is given as its transpose: a as k x m, b as n x k.
struct ProductShape {
  std::int64_t m = 0, n = 0, k = 0;
  bool a_turned = false, b_turned = false;
  Element input = Element::kFloat;   ///< of a and b
  Element output = Element::kFloat;  ///< of c
  bool timed = true;                 ///< false: every run of every worker adds up in the same order
};

class MatrixProduct {
 public:
  virtual ~MatrixProduct() = default;
  /// Queued on the compute lane.
  virtual void run(const void* a, const void* b, void* c) = 0;
};

/// Chooses how; the first run may time some ways.
[[nodiscard]] std::unique_ptr<MatrixProduct> make_matrix_product(const Context& context, const ProductShape& shape);

}  // namespace poseidon::cuda
