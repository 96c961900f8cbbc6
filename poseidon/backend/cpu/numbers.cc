#include <atomic>

#include "poseidon/backend/cpu/operations.h"
#include "poseidon/backend/cpu/parallel.h"

namespace poseidon::cpu {
namespace {

POSEIDON_VECTORISED bool are_all_numbers(const float* x, std::size_t count) {
  int others = 0;
  for (std::size_t i = 0; i < count; ++i) others |= static_cast<int>(x[i] != x[i]);
  return others == 0;
}

}  // namespace

bool are_numbers(const Tensor& tensor) {
  const float* const x = tensor.data();
  std::atomic<bool> numbers{true};  // relaxed: the threads are waited for
  parallel(stored_elements(tensor.description()), [&](std::size_t first, std::size_t end) {
    if (!are_all_numbers(x + first, end - first)) numbers.store(false, std::memory_order_relaxed);
  });
  return numbers.load(std::memory_order_relaxed);
}

}  // namespace poseidon::cpu
