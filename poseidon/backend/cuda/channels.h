#pragma once

// Kernels whose numbers belong to channels: what is known of a channel is fetched once and stays in registers while a
// thread goes through elements of that channel, sixteen bytes at a time; sums over a channel's elements are formed on
// the way.

#include <cstdint>
#include <type_traits>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/layout.h"

namespace poseidon::cuda {

/// Where nothing is summed.
struct NoSum {
  POSEIDON_DEVICE void add(const NoSum& /*other*/) {}
};
struct StoreNothing {
  POSEIDON_DEVICE void operator()(std::uint32_t /*channel*/, const NoSum& /*sum*/) const {}
};

struct FloatSum {
  float sum = 0;
  POSEIDON_DEVICE void add(const FloatSum& other) { sum += other.sum; }
};
struct StoreFloat {
  float* result;  ///< may be null
  POSEIDON_DEVICE void operator()(std::uint32_t output, const FloatSum& value) const {
    if (result != nullptr) result[output] = value.sum;
  }
};

#if defined(__CUDACC__)

namespace detail {

/// How a block's threads share a channel's elements: x along packs of channels, y along rows.
inline unsigned lanes_for(std::uint32_t packs) {
  for (const unsigned lanes : {32U, 16U, 8U}) {
    if (packs % lanes == 0) return lanes;
  }
  unsigned lanes = 4;
  while (lanes < packs && lanes < kWarp) lanes *= 2;
  return packs % 4 == 0 ? 4 : lanes;
}

template <class T, unsigned kInputs>
struct Inputs {
  const T* in[kInputs];
};

/// Packs that a thread asks for before it uses the first: memory answers late.
template <unsigned kInputs>
inline constexpr unsigned kAhead = kInputs == 1 ? 4 : 2;

/// One element by f, which takes as many numbers as there are inputs.
template <class F, class Sum, unsigned kInputs>
__device__ float apply(const F& f, const typename F::Channel& channel, Sum& sum, const float (&x)[kInputs]) {
  static_assert(kInputs == 1 || kInputs == 2);
  if constexpr (kInputs == 1) {
    return f(channel, sum, x[0]);
  } else {
    return f(channel, sum, x[0], x[1]);
  }
}

/// kAhead packs of each input.
template <unsigned kWidth, class T, unsigned kInputs>
struct Loaded {
  Pack<T, kWidth> packs[kAhead<kInputs>][kInputs];

  __device__ void load(const Inputs<T, kInputs>& inputs, unsigned k, std::uint32_t at) {
#pragma unroll
    for (unsigned i = 0; i < kInputs; ++i) {
      packs[k][i] = reinterpret_cast<const Pack<T, kWidth>*>(inputs.in[i])[at];
    }
  }
  template <class F, class ChannelOf, class SumOf>
  __device__ Pack<T, kWidth> compute(const F& f, unsigned k, const ChannelOf& channel_of, const SumOf& sum_of) {
    Pack<T, kWidth> result;
#pragma unroll
    for (unsigned w = 0; w < kWidth; ++w) {
      float x[kInputs];
#pragma unroll
      for (unsigned i = 0; i < kInputs; ++i) x[i] = to_float(packs[k][i].elements[w]);
      result.elements[w] = from_float<T>(apply(f, channel_of(w), sum_of(w), x));
    }
    return result;
  }
};

/// Channels innermost: `rows` of `packs` packs of kWidth channels.
template <unsigned kWidth, class T, class F, class Store, unsigned kInputs>
__global__ void channels_inside(std::uint32_t rows, std::uint32_t packs, T* out, F f, Store store,
                                typename F::Sum* partial, Inputs<T, kInputs> inputs) {
  using Sum = typename F::Sum;
  const std::uint32_t pack = blockIdx.x * blockDim.x + threadIdx.x;
  Sum sums[kWidth];
  if (pack < packs) {
    typename F::Channel channels[kWidth];
#pragma unroll
    for (unsigned k = 0; k < kWidth; ++k) channels[k] = f.channel(pack * kWidth + k);
    const std::uint32_t step = gridDim.y * blockDim.y;
    std::uint32_t row = blockIdx.y * blockDim.y + threadIdx.y;
    for (; row < rows; row += step * kAhead<kInputs>) {
      Loaded<kWidth, T, kInputs> loaded;
#pragma unroll
      for (unsigned k = 0; k < kAhead<kInputs>; ++k) {
        if (row + k * step < rows) loaded.load(inputs, k, (row + k * step) * packs + pack);
      }
#pragma unroll
      for (unsigned k = 0; k < kAhead<kInputs>; ++k) {
        if (row + k * step >= rows) break;
        const auto result = loaded.compute(
            f, k, [&](unsigned w) -> const auto& { return channels[w]; }, [&](unsigned w) -> Sum& { return sums[w]; });
        if (out != nullptr) reinterpret_cast<Pack<T, kWidth>*>(out)[(row + k * step) * packs + pack] = result;
      }
    }
  }
  if constexpr (!std::is_same_v<Sum, NoSum>) {
    __shared__ alignas(alignof(Sum)) unsigned char storage[kThreads * sizeof(Sum)];
    Sum* const values = reinterpret_cast<Sum*>(storage);
#pragma unroll
    for (unsigned k = 0; k < kWidth; ++k) {
      const Sum sum = sum_of_block(values, sums[k], blockDim.x);
      __syncthreads();
      if (threadIdx.y != 0 || pack >= packs) continue;
      if (partial == nullptr) {
        store(pack * kWidth + k, sum);
      } else {
        partial[blockIdx.y * packs * kWidth + pack * kWidth + k] = sum;
      }
    }
  }
}

/// Places innermost: of each channel `batch` runs of `packs` packs of kWidth places.
template <unsigned kWidth, class T, class F, class Store, unsigned kInputs>
__global__ void places_inside(std::uint32_t channels, std::uint32_t count, Divisor by_packs, std::uint32_t packs,
                              T* out, F f, Store store, typename F::Sum* partial, Inputs<T, kInputs> inputs) {
  using Sum = typename F::Sum;
  const std::uint32_t channel = blockIdx.x;
  const typename F::Channel own = f.channel(channel);
  Sum sum;
  // nvcc takes references that lambdas capture and return for those to local variables of theirs.
  const auto* const own_of_all = &own;
  Sum* const sum_of_all = &sum;
  const std::uint32_t step = gridDim.y * kThreads;
  std::uint32_t i = blockIdx.y * kThreads + threadIdx.y;
  for (; i < count; i += step * kAhead<kInputs>) {
    Loaded<kWidth, T, kInputs> loaded;
    std::uint32_t at[kAhead<kInputs>];
#pragma unroll
    for (unsigned k = 0; k < kAhead<kInputs>; ++k) {
      const std::uint32_t n = by_packs.quotient(i + k * step);
      at[k] = (n * channels + channel) * packs + (i + k * step - n * packs);
      if (i + k * step < count) loaded.load(inputs, k, at[k]);
    }
#pragma unroll
    for (unsigned k = 0; k < kAhead<kInputs>; ++k) {
      if (i + k * step >= count) break;
      const auto result = loaded.compute(
          f, k, [=](unsigned /*w*/) -> const auto& { return *own_of_all; },
          [=](unsigned /*w*/) -> Sum& { return *sum_of_all; });
      if (out != nullptr) reinterpret_cast<Pack<T, kWidth>*>(out)[at[k]] = result;
    }
  }
  if constexpr (!std::is_same_v<Sum, NoSum>) {
    __shared__ alignas(alignof(Sum)) unsigned char storage[kThreads * sizeof(Sum)];
    sum = sum_of_block(reinterpret_cast<Sum*>(storage), sum, 1);
    if (threadIdx.y != 0) return;
    if (partial == nullptr) {
      store(channel, sum);
    } else {
      partial[blockIdx.y * channels + channel] = sum;
    }
  }
}

template <unsigned kWidth, class T, class F, class Store, unsigned kInputs>
void launch_over_channels(Device& device, const Grid& grid, T* out, const F& f, const Store& store,
                          const Inputs<T, kInputs>& inputs) {
  using Sum = typename F::Sum;
  constexpr bool kSums = !std::is_same_v<Sum, NoSum>;
  constexpr unsigned kEach = 2 * kAhead<kInputs>;  // packs of a thread that are worth another block
  const bool inside = grid.channel_stride == 1;
  const std::uint32_t packs = (inside ? grid.channels : grid.places) / kWidth;
  const unsigned lanes = inside ? lanes_for(packs) : 1;
  const dim3 threads(lanes, kThreads / lanes);
  const unsigned columns = inside ? (packs + lanes - 1) / lanes : grid.channels;
  const std::uint32_t length = inside ? grid.batch * grid.places : grid.batch * packs;
  const unsigned useful = length / (threads.y * kEach) + 1;
  // As many blocks as are on the device at once, or several times that, where ends may be ragged.
  const unsigned wanted = static_cast<unsigned>(device.multiprocessors()) * (kSums ? 6 : 16) / columns + 1;
  const unsigned parts = std::min(useful, std::min(wanted, 65535U));
  Sum* const partial = !kSums || parts == 1
                           ? nullptr
                           : static_cast<Sum*>(device.scratch(std::size_t{parts} * grid.channels * sizeof(Sum)));
  const dim3 blocks(columns, parts);
  if (inside) {
    channels_inside<kWidth><<<blocks, threads, 0, stream_of(device)>>>(length, packs, out, f, store, partial, inputs);
  } else {
    places_inside<kWidth><<<blocks, threads, 0, stream_of(device)>>>(grid.channels, length, Divisor(packs), packs, out,
                                                                     f, store, partial, inputs);
  }
  check_launch();
  if constexpr (kSums) {
    if (parts > 1) add_parts(device, grid.channels, parts, partial, store);
  }
}

}  // namespace detail

/// For each element of each channel c: out = f(f.channel(c), sum of c, in...), in float; then store(c, sum). `out` may
/// be null, or one of the one or two inputs. F has types Channel and Sum (a Value as `fold` has it, or NoSum). The
/// order of additions depends on the device and the numbers alone.
template <class T, class F, class Store, class... In>
void over_channels(Device& device, const Grid& grid, T* out, const F& f, const Store& store, const In*... in) {
  static_assert((std::is_same_v<In, T> && ...));
  constexpr unsigned kWidth = Pack<T>::kWidth;
  const detail::Inputs<T, sizeof...(In)> inputs{{in...}};
  const bool packed = (grid.channel_stride == 1 ? grid.channels : grid.places) % kWidth == 0 && holds_packs(out) &&
                      (holds_packs(in) && ...);
  if (packed) {
    detail::launch_over_channels<kWidth>(device, grid, out, f, store, inputs);
  } else {
    detail::launch_over_channels<1>(device, grid, out, f, store, inputs);
  }
}

#else

template <class T, class F, class Store, class... In>
void over_channels(Device& device, const Grid& grid, T* out, const F& f, const Store& store, const In*... in) {
  static_assert((std::is_same_v<In, T> && ...));
  launch(device, [=] {
    for (std::uint32_t c = 0; c < grid.channels; ++c) {
      const typename F::Channel channel = f.channel(c);
      typename F::Sum sum;
      for (std::uint32_t n = 0; n < grid.batch; ++n) {
        for (std::uint32_t place = 0; place < grid.places; ++place) {
          const std::uint32_t at = grid.offset(n, c, place);
          const T result = from_float<T>(f(channel, sum, to_float(in[at])...));
          if (out != nullptr) out[at] = result;
        }
      }
      store(c, sum);
    }
  });
}

#endif

}  // namespace poseidon::cuda
