#pragma once

// oneDNN's descriptions of memory as layouts of tensors, and the means to hand tensors to primitives.

#include <memory>
#include <optional>
#include <utility>

#include <oneapi/dnnl/dnnl.hpp>

#include "poseidon/tensor.h"

namespace poseidon::cpu {

class CpuLayout final : public Layout {
 public:
  explicit CpuLayout(dnnl::memory::desc desc) : desc_(std::move(desc)) {}
  [[nodiscard]] const dnnl::memory::desc& desc() const { return desc_; }

 private:
  dnnl::memory::desc desc_;
};

/// Row-major.
dnnl::memory::desc plain_desc(const Shape& shape);
/// Whatever the primitive likes best.
dnnl::memory::desc any_desc(const Shape& shape);
dnnl::memory::desc desc_of(const TensorDescription& description);
/// The description of a tensor arranged so.
TensorDescription description_of(const Shape& shape, const dnnl::memory::desc& desc);

/// Elements that the memory has room for, padding included; element-wise work goes through all of them.
std::size_t stored_elements(const TensorDescription& description);

/// The engine and stream of one backend.
struct Device {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

/// A oneDNN memory that follows a tensor's address.
class Slot {
 public:
  Slot() = default;
  Slot(const Device& device, const dnnl::memory::desc& desc) : memory_(desc, device.engine, DNNL_MEMORY_NONE) {}

  /// Constness ends here: primitives are told by argument what they may write.
  dnnl::memory& at(const Tensor& tensor) { return at(const_cast<float*>(tensor.data())); }
  dnnl::memory& at(float* data) {
    if (data != data_) memory_.set_data_handle(data);
    data_ = data;
    return memory_;
  }

 private:
  dnnl::memory memory_;
  float* data_ = nullptr;
};

/// Rearranges from one description to another; copies where they are the same, which `is_needed` tells.
class Rearranger {
 public:
  Rearranger() = default;
  Rearranger(const Device& device, const dnnl::memory::desc& from, const dnnl::memory::desc& to);

  [[nodiscard]] bool is_needed() const { return primitive_.has_value(); }
  void run(const Device& device, const float* from, float* to);

 private:
  std::optional<dnnl::reorder> primitive_;
  std::size_t bytes_ = 0;
  Slot from_, to_;
};

/// A primitive's argument that may want another arrangement than the tensor it comes from, or goes to.
class Argument {
 public:
  Argument() = default;
  Argument(const Device& device, const dnnl::memory::desc& tensor, const dnnl::memory::desc& wanted);

  /// The memory to read, rearranged if need be.
  dnnl::memory& input(const Device& device, const Tensor& tensor);
  /// The memory to write; `deliver` brings it to the tensor.
  dnnl::memory& output(Tensor& tensor);
  void deliver(const Device& device, Tensor& tensor);

 private:
  Slot slot_;
  Rearranger in_, out_;
  dnnl::memory own_;  ///< where the arrangements differ
  bool differs_ = false;
};

}  // namespace poseidon::cpu
