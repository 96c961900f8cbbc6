#include "poseidon/backend/cpu/layout.h"

#include <array>
#include <cstring>

namespace poseidon::cpu {
namespace {

using dnnl::memory;

memory::desc desc_with(const Shape& shape, memory::format_tag tag) {
  return {shape.extents(), memory::data_type::f32, tag};
}

}  // namespace

memory::desc plain_desc(const Shape& shape) {
  using Tag = memory::format_tag;
  constexpr std::array<Tag, 6> kTags{Tag::a, Tag::ab, Tag::abc, Tag::abcd, Tag::abcde, Tag::abcdef};
  return desc_with(shape, kTags.at(static_cast<std::size_t>(shape.rank()) - 1));
}

memory::desc any_desc(const Shape& shape) { return desc_with(shape, memory::format_tag::any); }

memory::desc desc_of(const TensorDescription& description) {
  if (description.is_row_major()) return plain_desc(description.shape);
  return static_cast<const CpuLayout&>(*description.layout).desc();
}

TensorDescription description_of(const Shape& shape, const memory::desc& desc) {
  TensorDescription description = TensorDescription::row_major(shape);
  if (desc == plain_desc(shape)) return description;
  description.layout = std::make_shared<CpuLayout>(desc);
  description.bytes = desc.get_size();
  return description;
}

std::size_t stored_elements(const TensorDescription& description) { return description.bytes / sizeof(float); }

Rearranger::Rearranger(const Device& device, const memory::desc& from, const memory::desc& to) {
  bytes_ = from.get_size();
  if (from == to) return;
  primitive_.emplace(dnnl::reorder::primitive_desc(device.engine, from, device.engine, to));
  from_ = Slot(device, from);
  to_ = Slot(device, to);
}

void Rearranger::run(const Device& device, const float* from, float* to) {
  if (!primitive_) {
    std::memcpy(to, from, bytes_);
    return;
  }
  primitive_->execute(device.stream, {{DNNL_ARG_FROM, from_.at(const_cast<float*>(from))}, {DNNL_ARG_TO, to_.at(to)}});
}

Argument::Argument(const Device& device, const memory::desc& tensor, const memory::desc& wanted)
    : slot_(device, tensor), in_(device, tensor, wanted), out_(device, wanted, tensor), differs_(!(tensor == wanted)) {
  if (differs_) own_ = memory(wanted, device.engine);
}

memory& Argument::input(const Device& device, const Tensor& tensor) {
  if (!differs_) return slot_.at(tensor);
  in_.run(device, tensor.data(), static_cast<float*>(own_.get_data_handle()));
  return own_;
}

memory& Argument::output(Tensor& tensor) { return differs_ ? own_ : slot_.at(tensor); }

void Argument::deliver(const Device& device, Tensor& tensor) {
  if (differs_) out_.run(device, static_cast<const float*>(own_.get_data_handle()), tensor.data());
}

}  // namespace poseidon::cpu
