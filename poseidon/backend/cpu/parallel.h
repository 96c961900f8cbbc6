#pragma once

// Loops over flat arrays by all threads of the calling worker.

#include <omp.h>

#include <algorithm>
#include <cstddef>

#include "poseidon/vectorised.h"  // IWYU pragma: export

namespace poseidon::cpu {

/// Below this a loop is done before other threads have woken.
inline constexpr std::size_t kParallelElements = std::size_t{1} << 15;

/// Calls work(first, end) with parts of 0 .. count, each in a thread, where there are at least `from`.
template <class Work>
void parallel(std::size_t count, const Work& work, std::size_t from = kParallelElements) {
  if (count < from || omp_get_max_threads() == 1) return work(std::size_t{0}, count);
#pragma omp parallel
  {
    constexpr std::size_t kLine = 16;  // floats of a cache line
    const auto threads = static_cast<std::size_t>(omp_get_num_threads());
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    const std::size_t part = (count / threads + kLine) / kLine * kLine;
    const std::size_t first = std::min(count, thread * part);
    const std::size_t end = std::min(count, first + part);
    if (first < end) work(first, end);
  }
}

}  // namespace poseidon::cpu
