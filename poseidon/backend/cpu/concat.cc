// Concatenation: each input is rearranged into its part of the output, and back.

#include <array>
#include <optional>

#include "poseidon/backend/cpu/operations.h"

namespace poseidon::cpu {
namespace {

using dnnl::memory;

struct Part {
  Rearranger in, out;
};

/// The inputs' parts of an output arranged so; nothing where a part would begin or end inside a block.
std::optional<std::vector<memory::desc>> parts_of(const memory::desc& output, int axis,
                                                  std::span<const TensorDescription> inputs) {
  std::vector<memory::desc> parts;
  memory::dims offset(static_cast<std::size_t>(inputs[0].shape.rank()), 0);
  for (const TensorDescription& input : inputs) {
    const memory::desc part = output.submemory_desc(input.shape.extents(), offset, true);
    if (!part) return std::nullopt;
    parts.push_back(part);
    offset[static_cast<std::size_t>(axis)] += input.shape[axis];
  }
  return parts;
}

class CpuConcat final : public MergeOperation {
 public:
  CpuConcat(const Device& device, int axis, std::span<const TensorDescription> inputs) : device_(device) {
    Shape shape = inputs[0].shape;
    std::int64_t extent = 0;
    for (const TensorDescription& input : inputs) extent += input.shape[axis];
    shape.set(axis, extent);
    choose(shape, axis, inputs);
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(std::span<const Tensor* const> inputs, Tensor& output) override {
    for (std::size_t i = 0; i < inputs.size(); ++i) parts_[i].in.run(device_, inputs[i]->data(), output.data());
  }

  void backward(std::span<const Tensor* const> /*inputs*/, const Tensor& /*output*/, const Tensor& output_gradient,
                std::span<Tensor* const> input_gradients) override {
    for (std::size_t i = 0; i < input_gradients.size(); ++i) {
      if (input_gradients[i] != nullptr) parts_[i].out.run(device_, output_gradient.data(), input_gradients[i]->data());
    }
  }

 private:
  /// The arrangement of the first input where it is a common one and all parts fit into it, else row-major.
  void choose(const Shape& shape, int axis, std::span<const TensorDescription> inputs) {
    using Tag = memory::format_tag;
    memory::desc desc = plain_desc(shape);
    std::vector<memory::desc> parts = *parts_of(desc, axis, inputs);
    if (shape.rank() == 4) {
      for (const Tag tag : {Tag::nChw16c, Tag::nChw8c, Tag::nhwc}) {
        const auto tagged = [&](const Shape& any) { return memory::desc(any.extents(), memory::data_type::f32, tag); };
        if (!(desc_of(inputs[0]) == tagged(inputs[0].shape))) continue;
        const memory::desc candidate = tagged(shape);
        if (const auto found = parts_of(candidate, axis, inputs)) {
          desc = candidate;
          parts = *found;
        }
        break;
      }
    }
    output_ = description_of(shape, desc);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const memory::desc own = desc_of(inputs[i]);
      parts_.push_back({Rearranger(device_, own, parts[i]), Rearranger(device_, parts[i], own)});
    }
  }

  const Device& device_;
  TensorDescription output_;
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<MergeOperation> make_concat(const Device& device, int axis, std::span<const TensorDescription> inputs) {
  return std::make_unique<CpuConcat>(device, axis, inputs);
}

}  // namespace poseidon::cpu
