// Concatenation along an axis, in the arrangement of the first input; along the batch and the channels that takes one
// copy of each input, along others both sides are row-major.

#include <optional>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/operations.h"

namespace poseidon::cuda {
namespace {

/// A part of the output as a matrix: `rows` of `width` elements, whose starts lie `stride` apart, from `offset` on.
struct Part {
  std::uint32_t width = 0, stride = 0, offset = 0;
};

/// The same as kernels see it.
struct PartPlaces {
  explicit PartPlaces(const Part& whole) : part(whole), by_width(whole.width) {}
  [[nodiscard]] POSEIDON_DEVICE std::uint32_t at(std::uint32_t i) const {
    const std::uint32_t row = by_width.quotient(i);
    return row * part.stride + part.offset + (i - row * part.width);
  }
  Part part;
  Divisor by_width;
};

template <class T>
struct Gather {
  PartPlaces places;
  const T* whole;
  T* own;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const { own[i] = whole[places.at(i)]; }
};

template <class T>
struct Scatter {
  PartPlaces places;
  const T* own;
  T* whole;
  POSEIDON_DEVICE void operator()(std::uint32_t i) const { whole[places.at(i)] = own[i]; }
};

/// What a thread moves at once where everything is a multiple of it.
using Sixteen = Pack<std::uint32_t>;

template <class T>
std::optional<Part> in_packs(const Part& part, const T* one, const T* other) {
  constexpr std::uint32_t kWidth = sizeof(Sixteen) / sizeof(T);
  if ((part.width | part.stride | part.offset) % kWidth != 0 || !holds_packs(one) || !holds_packs(other))
    return std::nullopt;
  return Part{part.width / kWidth, part.stride / kWidth, part.offset / kWidth};
}

template <class T>
void scatter(Device& device, const Part& part, std::int64_t count, const T* own, T* whole) {
  if (const std::optional<Part> packs = in_packs<T>(part, own, whole)) {
    for_each(
        device, count * static_cast<std::int64_t>(sizeof(T)) / static_cast<std::int64_t>(sizeof(Sixteen)),
        Scatter<Sixteen>{PartPlaces(*packs), reinterpret_cast<const Sixteen*>(own), reinterpret_cast<Sixteen*>(whole)});
  } else {
    for_each(device, count, Scatter<T>{PartPlaces(part), own, whole});
  }
}

template <class T>
void gather(Device& device, const Part& part, std::int64_t count, const T* whole, T* own) {
  if (const std::optional<Part> packs = in_packs<T>(part, own, whole)) {
    for_each(
        device, count * static_cast<std::int64_t>(sizeof(T)) / static_cast<std::int64_t>(sizeof(Sixteen)),
        Gather<Sixteen>{PartPlaces(*packs), reinterpret_cast<const Sixteen*>(whole), reinterpret_cast<Sixteen*>(own)});
  } else {
    for_each(device, count, Gather<T>{PartPlaces(part), whole, own});
  }
}

class CudaConcat final : public MergeOperation {
 public:
  CudaConcat(const Context& context, int axis, std::span<const TensorDescription> inputs) : device_(context.device) {
    Shape shape = inputs[0].shape;
    std::int64_t extent = 0;
    for (const TensorDescription& input : inputs) extent += input.shape[axis];
    shape.set(axis, extent);
    Arrangement arrangement = arrangement_of(inputs[0]);
    if (axis > 1) arrangement.order = Order::kRowMajor;
    output_ = arranged(shape, arrangement);
    // Of the output as it came out: with one channel or place the orders are one.
    const bool channels_last = arrangement.order == Order::kChannelsLast;
    const std::int64_t inner = axis == 1 && channels_last ? 1 : shape.count(axis + 1, shape.rank());
    const auto width_of = [&](const Shape& any) {
      return static_cast<std::uint32_t>(axis == 0 ? any.count() : any[axis] * inner);
    };
    std::uint32_t offset = 0;
    for (const TensorDescription& input : inputs) {
      arrangements_.push_back(arranged(input.shape, arrangement));
      parts_.push_back({width_of(input.shape), width_of(shape), offset});
      offset += width_of(input.shape);
    }
    own_.resize(inputs.size());
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(std::span<const Tensor* const> inputs, Tensor& output) override {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& input = rearranged(device_, *inputs[i], arrangements_[i], own_[i]);
      with_element(arrangement_of(output_).element, [&](auto zero) {
        using T = decltype(zero);
        scatter<T>(device_, parts_[i], input.count(), elements_of<T>(input), elements_of<T>(output));
      });
    }
  }

  void backward(std::span<const Tensor* const> /*inputs*/, const Tensor& /*output*/, const Tensor& output_gradient,
                std::span<Tensor* const> input_gradients) override {
    for (std::size_t i = 0; i < input_gradients.size(); ++i) {
      if (input_gradients[i] == nullptr) continue;
      Tensor& wanted = *input_gradients[i];
      const bool as_it_is = arrangement_of(wanted.description()) == arrangement_of(arrangements_[i]);
      if (!as_it_is && own_[i].empty()) own_[i] = make_tensor(device_, arrangements_[i]);
      Tensor& part = as_it_is ? wanted : own_[i];
      with_element(arrangement_of(output_).element, [&](auto zero) {
        using T = decltype(zero);
        gather<T>(device_, parts_[i], part.count(), elements_of<T>(output_gradient), elements_of<T>(part));
      });
      if (!as_it_is) rearrange(device_, part, wanted);
    }
  }

 private:
  Device& device_;
  TensorDescription output_;
  std::vector<TensorDescription> arrangements_;  ///< of the inputs, as parts of the output
  std::vector<Part> parts_;
  std::vector<Tensor> own_;  ///< inputs, or gradients, that come arranged otherwise
};

}  // namespace

std::unique_ptr<MergeOperation> make_concat(const Context& context, int axis,
                                            std::span<const TensorDescription> inputs) {
  return std::make_unique<CudaConcat>(context, axis, inputs);
}

}  // namespace poseidon::cuda
