#include "bosen/core/element_ops.h"

#include <type_traits>

// One binary serves every x86-64; the loader picks the widest variant. Sanitizers can't live with its resolvers.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define BOSEN_SIMD_VARIANTS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BOSEN_SIMD_VARIANTS
#endif

namespace bosen::core {
namespace {

BOSEN_SIMD_VARIANTS void add_float(float* __restrict target, const float* __restrict update, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] += update[i];
}

BOSEN_SIMD_VARIANTS void sum_float(float* __restrict target, const float* __restrict a, const float* __restrict b,
                                   std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] = a[i] + b[i];
}

BOSEN_SIMD_VARIANTS void add_double(double* __restrict target, const double* __restrict update, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] += update[i];
}

BOSEN_SIMD_VARIANTS void sum_double(double* __restrict target, const double* __restrict a, const double* __restrict b,
                                    std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] = a[i] + b[i];
}

BOSEN_SIMD_VARIANTS void add_uint32(std::uint32_t* __restrict target, const std::uint32_t* __restrict update,
                                    std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] += update[i];
}

BOSEN_SIMD_VARIANTS void sum_uint32(std::uint32_t* __restrict target, const std::uint32_t* __restrict a,
                                    const std::uint32_t* __restrict b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] = a[i] + b[i];
}

BOSEN_SIMD_VARIANTS void add_uint64(std::uint64_t* __restrict target, const std::uint64_t* __restrict update,
                                    std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] += update[i];
}

BOSEN_SIMD_VARIANTS void sum_uint64(std::uint64_t* __restrict target, const std::uint64_t* __restrict a,
                                    const std::uint64_t* __restrict b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) target[i] = a[i] + b[i];
}

template <class T, void (*kAdd)(T*, const T*, std::size_t)>
void add(std::byte* target, const std::byte* update, std::size_t count) {
  kAdd(reinterpret_cast<T*>(target), reinterpret_cast<const T*>(update), count);
}

template <class T, void (*kSum)(T*, const T*, const T*, std::size_t)>
void sum(std::byte* target, const std::byte* a, const std::byte* b, std::size_t count) {
  kSum(reinterpret_cast<T*>(target), reinterpret_cast<const T*>(a), reinterpret_cast<const T*>(b), count);
}

template <class T>
void add_at(std::byte* target, const Column* columns, const std::byte* update, std::size_t count) {
  auto* values = reinterpret_cast<T*>(target);
  const auto* updates = reinterpret_cast<const T*>(update);
  for (std::size_t i = 0; i < count; ++i) values[columns[i]] += updates[i];
}

template <class T, void (*kAdd)(T*, const T*, std::size_t), void (*kSum)(T*, const T*, const T*, std::size_t)>
constexpr ElementOps kOps{sizeof(T), add<T, kAdd>, sum<T, kSum>, add_at<T>};

}  // namespace

const ElementOps& element_ops(ElementType type) {
  switch (type) {
    case ElementType::kFloat:
      return kOps<float, add_float, sum_float>;
    case ElementType::kDouble:
      return kOps<double, add_double, sum_double>;
    case ElementType::kInt32:
      return kOps<std::uint32_t, add_uint32, sum_uint32>;
    case ElementType::kInt64:
      break;
  }
  return kOps<std::uint64_t, add_uint64, sum_uint64>;
}

}  // namespace bosen::core
