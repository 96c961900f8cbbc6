#pragma once

// The three shapes that all kernels have: for each place, element by element, and sums (or other folds) of many into
// few. What is computed is a small struct with a call operator, which runs on the device; compiled without nvcc it runs
// in a loop on the host, which is how tests check it where there is no GPU.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/elements.h"

namespace poseidon::cuda {

/// How the inputs of a fold lie: those of one output side by side, or the outputs themselves side by side.
enum class Along { kInputs, kOutputs };

#if defined(__CUDACC__)

/// Throws bosen::Error(kDevice) where the last launch was refused.
void check_launch();

namespace detail {

inline constexpr unsigned kThreads = 256;
inline constexpr unsigned kWarp = 32;

inline unsigned blocks_for(const Device& device, std::uint32_t count) {
  const auto wanted = (count + kThreads - 1) / kThreads;
  return std::max(1U, std::min(wanted, static_cast<unsigned>(device.multiprocessors()) * 16));
}
inline cudaStream_t stream_of(const Device& device) { return static_cast<cudaStream_t>(device.stream()); }

template <class F>
__global__ void each(std::uint32_t count, F f) {
  const std::uint32_t step = gridDim.x * blockDim.x;
  for (std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) f(i);
}

template <class T, class F, class... In>
__global__ void transformed(std::uint32_t packs, std::uint32_t count, T* out, F f, const In*... in) {
  constexpr unsigned kWidth = Pack<T>::kWidth;
  const std::uint32_t first = blockIdx.x * blockDim.x + threadIdx.x;
  const std::uint32_t step = gridDim.x * blockDim.x;
  for (std::uint32_t i = first; i < packs; i += step) {
    const auto compute = [&](const auto&... loaded) {
      Pack<T> result;
#pragma unroll
      for (unsigned k = 0; k < kWidth; ++k) {
        result.elements[k] = from_float<T>(f(i * kWidth + k, to_float(loaded.elements[k])...));
      }
      return result;
    };
    reinterpret_cast<Pack<T>*>(out)[i] = compute(Pack<In>(reinterpret_cast<const Pack<In>*>(in)[i])...);
  }
  for (std::uint32_t i = packs * kWidth + first; i < count; i += step) out[i] = from_float<T>(f(i, to_float(in[i])...));
}

/// Adds up values[0 .. kThreads), `width` of them a column; thread (x, 0) has the sum of column x.
template <class Value>
__device__ Value sum_of_block(Value* values, Value own, unsigned width) {
  values[threadIdx.y * width + threadIdx.x] = own;
  __syncthreads();
  for (unsigned rows = blockDim.y / 2; rows > 0; rows /= 2) {
    if (threadIdx.y < rows) {
      values[threadIdx.y * width + threadIdx.x].add(values[(threadIdx.y + rows) * width + threadIdx.x]);
    }
    __syncthreads();
  }
  return values[threadIdx.x];
}

// One output a block; all its threads run along the inputs.
template <class Value, class Map, class Store>
__global__ void fold_along_inputs(std::uint32_t outputs, std::uint32_t length, Map map, Store store, Value* partial) {
  __shared__ alignas(Value) unsigned char storage[kThreads * sizeof(Value)];
  Value* const values = reinterpret_cast<Value*>(storage);
  const std::uint32_t output = blockIdx.x;
  Value value;
  const std::uint32_t step = gridDim.y * kThreads;
  for (std::uint32_t i = blockIdx.y * kThreads + threadIdx.y; i < length; i += step) value.add(map(output, i));
  value = sum_of_block(values, value, 1);
  if (threadIdx.y != 0) return;
  if (partial == nullptr) {
    store(output, value);
  } else {
    partial[blockIdx.y * outputs + output] = value;
  }
}

// A warp's outputs a block: neighbours in memory are read by neighbours in the warp.
template <class Value, class Map, class Store>
__global__ void fold_along_outputs(std::uint32_t outputs, std::uint32_t length, Map map, Store store, Value* partial) {
  __shared__ alignas(Value) unsigned char storage[kThreads * sizeof(Value)];
  Value* const values = reinterpret_cast<Value*>(storage);
  const std::uint32_t output = blockIdx.x * kWarp + threadIdx.x;
  Value value;
  if (output < outputs) {
    const std::uint32_t step = gridDim.y * blockDim.y;
    for (std::uint32_t i = blockIdx.y * blockDim.y + threadIdx.y; i < length; i += step) value.add(map(output, i));
  }
  value = sum_of_block(values, value, kWarp);
  if (threadIdx.y != 0 || output >= outputs) return;
  if (partial == nullptr) {
    store(output, value);
  } else {
    partial[blockIdx.y * outputs + output] = value;
  }
}

template <class Value>
struct PartOf {
  std::uint32_t outputs;
  const Value* partial;
  __device__ Value operator()(std::uint32_t output, std::uint32_t part) const {
    return partial[part * outputs + output];
  }
};

/// store(o, sum of partial[part * outputs + o] over the parts).
template <class Value, class Store>
void add_parts(const Device& device, std::uint32_t outputs, std::uint32_t parts, const Value* partial,
               const Store& store) {
  fold_along_outputs<<<(outputs + kWarp - 1) / kWarp, dim3(kWarp, kThreads / kWarp), 0, stream_of(device)>>>(
      outputs, parts, PartOf<Value>{outputs, partial}, store, static_cast<Value*>(nullptr));
  check_launch();
}

}  // namespace detail

/// f(i) for i in [0, count).
template <class F>
void for_each(Device& device, std::int64_t count, const F& f) {
  if (count == 0) return;
  const auto n = static_cast<std::uint32_t>(count);
  detail::each<<<detail::blocks_for(device, n), detail::kThreads, 0, detail::stream_of(device)>>>(n, f);
  check_launch();
}

/// out[i] = f(i, in[i]...), in float. `out` may be one of the inputs. All elements are of one size.
template <class T, class F, class... In>
void transform(Device& device, std::int64_t count, T* out, const F& f, const In*... in) {
  static_assert(((sizeof(In) == sizeof(T)) && ...));
  if (count == 0) return;
  const auto n = static_cast<std::uint32_t>(count);
  const bool packed = holds_packs(out) && (holds_packs(in) && ...);
  const std::uint32_t packs = packed ? n / Pack<T>::kWidth : 0;
  const unsigned blocks = detail::blocks_for(device, packed ? packs + 1 : n);
  detail::transformed<<<blocks, detail::kThreads, 0, detail::stream_of(device)>>>(packs, n, out, f, in...);
  check_launch();
}

/// store(o, fold of map(o, i) over i in [0, length)) for each o in [0, outputs). A Value begins as what changes
/// nothing, and has add(Value). The order of additions depends on the device and the numbers alone.
template <class Value, class Map, class Store>
void fold(Device& device, Along along, std::int64_t outputs, std::int64_t length, const Map& map, const Store& store) {
  using detail::kThreads, detail::kWarp;
  if (outputs == 0) return;
  const auto wide = static_cast<unsigned>(outputs);
  const bool rows = along == Along::kInputs;
  const unsigned blocks = rows ? wide : (wide + kWarp - 1) / kWarp;
  const unsigned lanes = rows ? kThreads : kThreads / kWarp;  // threads that share an output
  constexpr unsigned kEach = 8;                               // inputs of a thread that are worth another block
  const unsigned useful = static_cast<unsigned>(length) / (lanes * kEach) + 1;
  const unsigned parts = std::min(useful, static_cast<unsigned>(device.multiprocessors()) * 4 / blocks + 1);
  Value* const partial =
      parts == 1 ? nullptr : static_cast<Value*>(device.scratch(std::size_t{parts} * wide * sizeof(Value)));
  const dim3 grid(blocks, parts);
  const auto n = static_cast<std::uint32_t>(length);
  if (rows) {
    detail::fold_along_inputs<<<grid, dim3(1, kThreads), 0, detail::stream_of(device)>>>(wide, n, map, store, partial);
  } else {
    const dim3 threads(kWarp, kThreads / kWarp);
    detail::fold_along_outputs<<<grid, threads, 0, detail::stream_of(device)>>>(wide, n, map, store, partial);
  }
  check_launch();
  if (parts > 1) detail::add_parts(device, wide, parts, partial, store);
}

#else

/// What a device in the host's memory does with a kernel: runs it, or keeps it for later.
void launch(Device& device, std::function<void()> kernel);

template <class F>
void for_each(Device& device, std::int64_t count, const F& f) {
  launch(device, [=] {
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); ++i) f(i);
  });
}

template <class T, class F, class... In>
void transform(Device& device, std::int64_t count, T* out, const F& f, const In*... in) {
  static_assert(((sizeof(In) == sizeof(T)) && ...));
  launch(device, [=] {
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); ++i) {
      out[i] = from_float<T>(f(i, to_float(in[i])...));
    }
  });
}

template <class Value, class Map, class Store>
void fold(Device& device, Along /*along*/, std::int64_t outputs, std::int64_t length, const Map& map,
          const Store& store) {
  launch(device, [=] {
    for (std::uint32_t output = 0; output < static_cast<std::uint32_t>(outputs); ++output) {
      Value value;
      for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(length); ++i) value.add(map(output, i));
      store(output, value);
    }
  });
}

#endif

}  // namespace poseidon::cuda
