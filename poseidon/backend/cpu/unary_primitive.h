#pragma once

// Operations of one input and one output that are one primitive of oneDNN each way, in the input's arrangement.

#include <optional>

#include "poseidon/backend.h"
#include "poseidon/backend/cpu/layout.h"

namespace poseidon::cpu {

/// Forward and Backward are oneDNN's primitives; which values backward wants is told by kBackwardReads.
enum class BackwardReads { kInput, kOutput, kNeither };

template <class Forward, class Backward>
class UnaryPrimitive final : public UnaryOperation {
 public:
  UnaryPrimitive(const Device& device, const Shape& output, typename Forward::primitive_desc forward,
                 typename Backward::primitive_desc backward, const TensorDescription& input, BackwardReads reads)
      : device_(device),
        output_(description_of(output, forward.dst_desc())),
        reads_(reads),
        forward_(forward),
        backward_(backward),
        input_slot_(device, desc_of(input)),
        output_slot_(device, forward.dst_desc()),
        input_gradient_slot_(device, desc_of(input)),
        output_gradient_slot_(device, forward.dst_desc()) {
    const dnnl::memory::desc workspace = forward.workspace_desc();
    if (workspace.get_size() > 0) workspace_ = dnnl::memory(workspace, device.engine);
  }

  [[nodiscard]] const TensorDescription& output() const override { return output_; }

  void forward(const Tensor& input, Tensor& output) override {
    std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, input_slot_.at(input)},
                                                    {DNNL_ARG_DST, output_slot_.at(output)}};
    if (workspace_) arguments.emplace(DNNL_ARG_WORKSPACE, *workspace_);
    forward_.execute(device_.stream, arguments);
  }

  void backward(const Tensor& input, const Tensor& output, const Tensor& output_gradient,
                Tensor& input_gradient) override {
    std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_DIFF_DST, output_gradient_slot_.at(output_gradient)},
                                                    {DNNL_ARG_DIFF_SRC, input_gradient_slot_.at(input_gradient)}};
    if (reads_ == BackwardReads::kInput) arguments.emplace(DNNL_ARG_SRC, input_slot_.at(input));
    if (reads_ == BackwardReads::kOutput) arguments.emplace(DNNL_ARG_DST, output_slot_.at(output));
    if (workspace_) arguments.emplace(DNNL_ARG_WORKSPACE, *workspace_);
    backward_.execute(device_.stream, arguments);
  }

 private:
  const Device& device_;
  const TensorDescription output_;
  const BackwardReads reads_;
  Forward forward_;
  Backward backward_;
  Slot input_slot_, output_slot_, input_gradient_slot_, output_gradient_slot_;
  std::optional<dnnl::memory> workspace_;
};

}  // namespace poseidon::cpu
