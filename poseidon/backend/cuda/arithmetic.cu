// Filling, adding, summing and rearranging tensors.

#include "poseidon/backend/cuda/channels.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

struct Constant {
  float value;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/) const { return value; }
};

struct AddScaled {
  float a;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float x, float y) const { return y + a * x; }
};

struct AddRunning {
  static constexpr std::size_t kTensors = 4;
  float* sums[kTensors];
  const float* values[kTensors];
  float factors[kTensors];
  std::uint32_t ends[kTensors];  ///< of their elements, all tensors counted through
  float decay;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    std::uint32_t tensor = 0;
    while (i >= ends[tensor]) ++tensor;
    const std::uint32_t at = tensor == 0 ? i : i - ends[tensor - 1];
    sums[tensor][at] = decay * sums[tensor][at] + factors[tensor] * values[tensor][at];
  }
};

struct ReadRunning {
  const float* weight;
  float otherwise;
  POSEIDON_DEVICE float operator()(std::uint32_t /*i*/, float sum) const {
    return *weight == 0 ? otherwise : sum / *weight;
  }
};

/// Of a channel of which nothing has to be known.
struct AnyChannel {};

struct SumChannel {
  using Channel = AnyChannel;
  using Sum = FloatSum;
  [[nodiscard]] POSEIDON_DEVICE static AnyChannel channel(std::uint32_t /*c*/) { return {}; }
  POSEIDON_DEVICE float operator()(AnyChannel /*own*/, FloatSum& sum, float x) const {
    sum.sum += x;
    return 0;
  }
};

template <bool kRelu>
struct AddBias {
  using Channel = float;
  using Sum = NoSum;
  const float* bias;
  [[nodiscard]] POSEIDON_DEVICE float channel(std::uint32_t c) const { return bias == nullptr ? 0 : bias[c]; }
  POSEIDON_DEVICE float operator()(float own, NoSum& /*sum*/, float x) const {
    const float y = x + own;
    return kRelu && y <= 0 ? 0 : y;
  }
};

/// What a ReLU lets through of the gradient, and its sum.
struct PassRelu {
  using Channel = AnyChannel;
  using Sum = FloatSum;
  [[nodiscard]] POSEIDON_DEVICE static AnyChannel channel(std::uint32_t /*c*/) { return {}; }
  POSEIDON_DEVICE float operator()(AnyChannel /*own*/, FloatSum& sum, float y, float dy) const {
    const float passed = y > 0 ? dy : 0;
    sum.sum += passed;
    return passed;
  }
};

/// Goes through the target as it lies, so that writes are next to each other.
template <class From, class To>
struct Rearrange {
  Grid from_grid, to_grid;
  const From* from;
  To* to;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const GridPlace at = place_of(to_grid, i);
    to[i] = from_float<To>(to_float(from[from_grid.offset(at.n, at.c, at.place)]));
  }
};

/// Packs of channels by batch, pack and place.
struct Packs {
  Divisor by_places, by_packs;
  std::uint32_t places, packs;
  std::uint32_t channels;

  struct At {
    std::uint32_t plain, packed;  ///< the first element row-major; the pack
  };
  [[nodiscard]] POSEIDON_DEVICE At at(std::uint32_t i, std::uint32_t width) const {
    const std::uint32_t rest = by_places.quotient(i);
    const std::uint32_t place = i - rest * places;
    const std::uint32_t n = by_packs.quotient(rest);
    const std::uint32_t first = (rest - n * packs) * width;
    return {(n * channels + first) * places + place, (n * places + place) * packs + first / width};
  }
};

template <class From, class To>
struct PackChannels {
  Packs packs;
  const From* plain;
  Pack<To>* packed;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    constexpr unsigned kWidth = Pack<To>::kWidth;
    const Packs::At at = packs.at(i, kWidth);
    Pack<To> pack;
    POSEIDON_UNROLL
    for (unsigned k = 0; k < kWidth; ++k) {
      pack.elements[k] = from_float<To>(to_float(plain[at.plain + k * packs.places]));
    }
    packed[at.packed] = pack;
  }
};

template <class From, class To>
struct UnpackChannels {
  Packs packs;
  const Pack<From>* packed;
  To* plain;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    constexpr unsigned kWidth = Pack<From>::kWidth;
    const Packs::At at = packs.at(i, kWidth);
    const Pack<From> pack = packed[at.packed];
    POSEIDON_UNROLL
    for (unsigned k = 0; k < kWidth; ++k) {
      plain[at.plain + k * packs.places] = from_float<To>(to_float(pack.elements[k]));
    }
  }
};

/// Eight elements, one after the other on both sides.
template <class From, class To>
struct ConvertEight {
  const Pack<From, 8>* from;
  Pack<To, 8>* to;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const {
    const Pack<From, 8> eight = from[i];
    Pack<To, 8> result;
    POSEIDON_UNROLL
    for (unsigned k = 0; k < 8; ++k) result.elements[k] = from_float<To>(to_float(eight.elements[k]));
    to[i] = result;
  }
};

/// `plain` is the row-major side.
template <class From, class To>
void pack(Device& device, const Grid& plain, const From* from, To* to) {
  const std::uint32_t count = plain.channels / Pack<To>::kWidth;
  const Packs packs{Divisor(plain.places), Divisor(count), plain.places, count, plain.channels};
  for_each(device, std::int64_t{plain.batch} * count * plain.places,
           PackChannels<From, To>{packs, from, reinterpret_cast<Pack<To>*>(to)});
}

template <class From, class To>
void unpack(Device& device, const Grid& plain, const From* from, To* to) {
  const std::uint32_t count = plain.channels / Pack<From>::kWidth;
  const Packs packs{Divisor(plain.places), Divisor(count), plain.places, count, plain.channels};
  for_each(device, std::int64_t{plain.batch} * count * plain.places,
           UnpackChannels<From, To>{packs, reinterpret_cast<const Pack<From>*>(from), to});
}

template <class From, class To>
void rearrange_elements(Device& device, const Shape& shape, Order source, Order target, const From* from, To* to) {
  const Grid plain = grid_of(shape, Order::kRowMajor);
  if (source == target && shape.count() % 8 == 0 && holds_packs(from) && holds_packs(to)) {
    for_each(device, shape.count() / 8,
             ConvertEight<From, To>{reinterpret_cast<const Pack<From, 8>*>(from), reinterpret_cast<Pack<To, 8>*>(to)});
  } else if (source == Order::kRowMajor && target == Order::kChannelsLast && holds_packs(to) &&
             plain.channels % Pack<To>::kWidth == 0) {
    pack(device, plain, from, to);
  } else if (source == Order::kChannelsLast && target == Order::kRowMajor && holds_packs(from) &&
             plain.channels % Pack<From>::kWidth == 0) {
    unpack(device, plain, from, to);
  } else {
    for_each(device, shape.count(), Rearrange<From, To>{grid_of(shape, source), grid_of(shape, target), from, to});
  }
}

}  // namespace

Tensor make_tensor(Device& device, TensorDescription description) {
  const std::size_t bytes = description.bytes;
  return {std::move(description), std::make_shared<DeviceMemory>(device, bytes)};
}

void fill(Device& device, Tensor& tensor, float value) {
  with_element(arrangement_of(tensor.description()).element, [&](auto zero) {
    transform(device, tensor.count(), elements_of<decltype(zero)>(tensor), Constant{value});
  });
}

void add_scaled(Device& device, double a, const Tensor& x, Tensor& y) {
  with_element(arrangement_of(y.description()).element, [&](auto zero) {
    using T = decltype(zero);
    transform(device, y.count(), elements_of<T>(y), AddScaled{static_cast<float>(a)}, elements_of<T>(x),
              static_cast<const T*>(elements_of<T>(y)));
  });
}

void add_running(Device& device, double decay, std::span<const RunningSum> sums) {
  for (std::size_t first = 0; first < sums.size(); first += AddRunning::kTensors) {
    const std::size_t count = std::min(sums.size() - first, AddRunning::kTensors);
    AddRunning add{};
    add.decay = static_cast<float>(decay);
    std::int64_t end = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const RunningSum& running = sums[first + k];
      end += running.sum->count();
      add.sums[k] = running.sum->data();
      add.values[k] = running.value->data();
      add.factors[k] = static_cast<float>(running.factor);
      add.ends[k] = static_cast<std::uint32_t>(end);
    }
    for_each(device, end, add);
  }
}

void read_running(Device& device, const Tensor& sum, const Tensor& weight, float otherwise, Tensor& mean) {
  transform(device, mean.count(), mean.data(), ReadRunning{weight.data(), otherwise}, sum.data());
}

void sum_channels(Device& device, const Tensor& tensor, float* sums) {
  with_element(arrangement_of(tensor.description()).element, [&](auto zero) {
    using T = decltype(zero);
    over_channels(device, grid_of(tensor.description()), static_cast<T*>(nullptr), SumChannel{}, StoreFloat{sums},
                  elements_of<T>(tensor));
  });
}

void add_bias(Device& device, const float* bias, bool relu, const TensorDescription& description, void* data) {
  with_element(arrangement_of(description).element, [&](auto zero) {
    using T = decltype(zero);
    T* const elements = static_cast<T*>(data);
    const Grid grid = grid_of(description);
    if (relu) {
      over_channels(device, grid, elements, AddBias<true>{bias}, StoreNothing{}, static_cast<const T*>(elements));
    } else {
      over_channels(device, grid, elements, AddBias<false>{bias}, StoreNothing{}, static_cast<const T*>(elements));
    }
  });
}

void pass_relu(Device& device, const Tensor& output, Tensor& output_gradient, float* sums) {
  with_element(arrangement_of(output.description()).element, [&](auto zero) {
    using T = decltype(zero);
    T* const gradient = elements_of<T>(output_gradient);
    over_channels(device, grid_of(output.description()), gradient, PassRelu{}, StoreFloat{sums}, elements_of<T>(output),
                  static_cast<const T*>(gradient));
  });
}

void rearrange(Device& device, const Tensor& from, Tensor& to) {
  const Arrangement source = arrangement_of(from.description());
  const Arrangement target = arrangement_of(to.description());
  if (source == target) {
    device.copy(to.data(), from.data(), to.description().bytes);
    return;
  }
  // Where shapes differ one is row-major, and has the other's elements in the other's row-major order.
  const Shape& shape = source.order == Order::kChannelsLast ? from.shape() : to.shape();
  with_elements(from, to, [&](const auto* in, auto* out) {
    rearrange_elements(device, shape, source.order, target.order, in, out);
  });
}

std::int64_t packed_channels(std::int64_t channels, Element element) {
  const auto width = static_cast<std::int64_t>(16 / bytes_of(element));
  return (channels + width - 1) / width * width;
}

const Tensor& rearranged(Device& device, const Tensor& tensor, const TensorDescription& wanted, Tensor& own) {
  if (arrangement_of(tensor.description()) == arrangement_of(wanted)) return tensor;
  if (own.empty()) own = make_tensor(device, wanted);
  rearrange(device, tensor, own);
  return own;
}

}  // namespace poseidon::cuda
