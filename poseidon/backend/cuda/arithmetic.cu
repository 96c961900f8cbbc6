// Filling, adding, summing and rearranging tensors.

#include "poseidon/backend/cuda/launch.h"
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

struct DoubleSum {
  double sum = 0;
  POSEIDON_DEVICE void add(const DoubleSum& other) { sum += other.sum; }
};

template <class T>
struct Square {
  const T* elements;
  POSEIDON_DEVICE DoubleSum operator()(std::uint32_t /*output*/, std::uint32_t i) const {
    const double value = to_float(elements[i]);
    return {value * value};
  }
};

struct StoreDouble {
  double* result;
  POSEIDON_DEVICE void operator()(std::uint32_t output, const DoubleSum& value) const { result[output] = value.sum; }
};

struct FloatSum {
  float sum = 0;
  POSEIDON_DEVICE void add(const FloatSum& other) { sum += other.sum; }
};

/// Element i of channel c, i counting through batch and places.
template <class T>
struct OfChannel {
  Grid grid;
  const T* elements;
  POSEIDON_DEVICE FloatSum operator()(std::uint32_t c, std::uint32_t i) const {
    return {to_float(elements[grid.offset(i / grid.places, c, i % grid.places)])};
  }
};

struct StoreFloat {
  float* result;
  POSEIDON_DEVICE void operator()(std::uint32_t output, const FloatSum& value) const { result[output] = value.sum; }
};

struct AddBias {
  Grid grid;
  const float* bias;
  POSEIDON_DEVICE float operator()(std::uint32_t i, float x) const { return x + bias[grid.channel_of(i)]; }
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

void sum_of_squares(Device& device, const Tensor& tensor, double* result) {
  with_element(arrangement_of(tensor.description()).element, [&](auto zero) {
    using T = decltype(zero);
    fold<DoubleSum>(device, Along::kInputs, 1, tensor.count(), Square<T>{elements_of<T>(tensor)}, StoreDouble{result});
  });
}

void sum_channels(Device& device, const Tensor& tensor, float* sums) {
  const Grid grid = grid_of(tensor.description());
  const Along along = grid.channel_stride == 1 ? Along::kOutputs : Along::kInputs;
  with_element(arrangement_of(tensor.description()).element, [&](auto zero) {
    using T = decltype(zero);
    fold<FloatSum>(device, along, grid.channels, std::int64_t{grid.batch} * grid.places,
                   OfChannel<T>{grid, elements_of<T>(tensor)}, StoreFloat{sums});
  });
}

void add_bias(Device& device, const float* bias, const TensorDescription& description, void* data) {
  with_element(arrangement_of(description).element, [&](auto zero) {
    using T = decltype(zero);
    T* const elements = static_cast<T*>(data);
    transform(device, description.shape.count(), elements, AddBias{grid_of(description), bias},
              static_cast<const T*>(elements));
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
  with_element(source.element, [&](auto source_zero) {
    with_element(target.element, [&](auto target_zero) {
      using From = decltype(source_zero);
      using To = decltype(target_zero);
      for_each(device, to.count(),
               Rearrange<From, To>{grid_of(shape, source.order), grid_of(shape, target.order), elements_of<From>(from),
                                   elements_of<To>(to)});
    });
  });
}

const Tensor& rearranged(Device& device, const Tensor& tensor, const TensorDescription& wanted, Tensor& own) {
  if (arrangement_of(tensor.description()) == arrangement_of(wanted)) return tensor;
  if (own.empty()) own = make_tensor(device, wanted);
  rearrange(device, tensor, own);
  return own;
}

}  // namespace poseidon::cuda
