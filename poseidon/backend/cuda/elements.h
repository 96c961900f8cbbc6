#pragma once

// Numbers as they lie in a device's memory: float, or bfloat16, the upper half of a float. Kernels compute in float.

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define POSEIDON_DEVICE __host__ __device__
/// Before loops over arrays that have to stay in registers.
#define POSEIDON_UNROLL _Pragma("unroll")
#else
#define POSEIDON_DEVICE
#define POSEIDON_UNROLL
#endif

namespace poseidon::cuda {

struct Bf16 {
  std::uint16_t bits = 0;
};

POSEIDON_DEVICE inline float to_float(float value) { return value; }

POSEIDON_DEVICE inline float to_float(Bf16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16U;
  float result = 0;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

template <class T>
POSEIDON_DEVICE T from_float(float value);

template <>
POSEIDON_DEVICE inline float from_float<float>(float value) {
  return value;
}

/// To the nearest, ties to even; what is no number stays none.
template <>
POSEIDON_DEVICE inline Bf16 from_float<Bf16>(float value) {
#if defined(__CUDA_ARCH__)
  Bf16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
#else
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return {static_cast<std::uint16_t>((bits >> 16U) | 0x40U)};
  bits += 0x7FFFU + ((bits >> 16U) & 1U);
  return {static_cast<std::uint16_t>(bits >> 16U)};
#endif
}

/// Elements that a thread loads and stores at once: sixteen bytes of them, or as many as are asked for.
template <class T, unsigned kCount = 16 / sizeof(T)>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Pack {
  static constexpr unsigned kWidth = kCount;
  T elements[kCount];
};

/// Whether packs may begin there.
inline bool holds_packs(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % 16 == 0; }

}  // namespace poseidon::cuda
