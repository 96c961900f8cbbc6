// Convolutions by cuDNN: of the plans that it takes for good ones the fastest, as timed here at the first run; with a
// bias or a ReLU on the way where that is faster than a pass of their own. The choice is remembered on disk, by device,
// version and shape; where there was too little memory to try all of them it is kept for this run only.

#include "poseidon/backend/cuda/convolver.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <memory>
#include <optional>

#include "bosen/error.h"
#include "poseidon/backend/cuda/nvidia/convolution_graph.h"
#include "poseidon/backend/cuda/nvidia/device_impl.h"
#include "poseidon/backend/cuda/nvidia/plan_cache.h"

namespace poseidon::cuda {
namespace {

constexpr std::size_t kCandidates = 10;
/// Without tensor cores the fastest way for large images, by Winograd's transformation, wants two gigabytes.
constexpr std::int64_t kWorkspaceBytesMax = std::int64_t{1} << 30;
constexpr std::int64_t kPlainWorkspaceBytesMax = std::int64_t{5} << 29;

/// Remembered instead of a plan where passes of their own are faster than it.
constexpr const char* kSeparate = "separate";

/// Where a plan finds a tensor.
struct Place {
  std::int64_t id = 0;
  const void* data = nullptr;
};

PlanRules rules_of(Precision precision, const ConvolutionProblem& problem, ConvolutionPass pass) {
  const bool plain = precision == Precision::kFp32;
  return {.tensor_cores = !plain,
          .keeps_nan = pass == ConvolutionPass::kFusedForward && problem.options.relu,
          .workspace_bytes_max = plain ? kPlainWorkspaceBytesMax : kWorkspaceBytesMax};
}

/// One graph of one shape. Looks for its plan when it first runs: one that another layer of the same shape has, one
/// that is remembered, or else the fastest.
class PlannedPass {
 public:
  PlannedPass(const Context& context, const ConvolutionProblem& problem, ConvolutionPass pass)
      : device_(context.device),
        rules_(rules_of(context.precision, problem, pass)),
        problem_(problem),
        pass_(pass),
        key_(key_of(problem, pass, context.precision)) {}

  void run(std::span<const Place> places) {
    if (!tried_ && !try_known(places) && !choose(places)) {
      throw bosen::Error(bosen::ErrorKind::kDevice,
                         fmt::format("cuda: cuDNN has no way to compute '{}' in the memory that is free", key_));
    }
    tried_ = true;
    check(execute(*plan_, places), "compute a convolution");
  }

  /// Whether its plan is known already, and runs.
  [[nodiscard]] bool try_known(std::span<const Place> places) {
    return (plan_ || find()) && try_execute(*plan_, places);
  }

  /// Seconds of the fastest plan, as timed now, which overwrites the result; nothing where there is none.
  [[nodiscard]] std::optional<double> choose(std::span<const Place> places) {
    const ConvolutionGraph graph = make_convolution_graph(problem_, pass_);
    std::optional<double> best_s;
    std::optional<CudnnDescriptor> best;
    for (CudnnDescriptor& candidate :
         make_plans(graph.graph, device_properties(device_.number()), rules_, kCandidates)) {
      if (!try_execute(candidate, places)) continue;
      const double own_s =
          best_seconds(device_.impl(), [&] { check(execute(candidate, places), "compute a convolution"); });
      if (best_s && own_s >= *best_s) continue;
      best_s = own_s;
      best = std::move(candidate);
    }
    if (!best) return std::nullopt;
    if (!lacked_memory_) plans().add(key_, best->text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION));
    keep(std::move(*best));
    return best_s;
  }

  /// Remembers that other passes do the same faster.
  void give_up() {
    if (!lacked_memory_) plans().add(key_, kSeparate);
    in_use()[key_] = nullptr;
  }
  [[nodiscard]] bool is_given_up() {
    const auto same = in_use().find(key_);
    return same != in_use().end() ? same->second == nullptr : plans().find(key_) == kSeparate;
  }

 private:
  using Plans = std::map<std::string, std::shared_ptr<const CudnnDescriptor>>;

  PlanCache& plans() { return device_.impl().plan_cache(); }
  Plans& in_use() { return device_.impl().convolution_plans; }

  [[nodiscard]] bool find() {
    if (const auto same = in_use().find(key_); same != in_use().end()) {
      plan_ = same->second;
      return plan_ != nullptr;
    }
    const std::optional<std::string> known = plans().find(key_);
    if (!known || *known == kSeparate) return false;
    RememberedPlan remembered = remembered_plan(*known, device_properties(device_.number()));
    if (remembered.fits) keep(std::move(remembered.plan));
    return remembered.fits;
  }

  void keep(CudnnDescriptor plan) {
    plan_ = std::make_shared<const CudnnDescriptor>(std::move(plan));
    in_use()[key_] = plan_;
  }

  /// Whether it runs here, where there may be too little memory for it; a remembered one may be of another driver.
  [[nodiscard]] bool try_execute(const CudnnDescriptor& plan, std::span<const Place> places) {
    try {
      return execute(plan, places) == CUDNN_STATUS_SUCCESS;
    } catch (const OutOfMemory&) {
      lacked_memory_ = true;
      return false;
    }
  }

  cudnnStatus_t execute(const CudnnDescriptor& plan, std::span<const Place> places) {
    std::array<std::int64_t, 4> ids{};
    std::array<const void*, 4> data{};
    for (std::size_t i = 0; i < places.size(); ++i) {
      ids[i] = places[i].id;
      data[i] = places[i].data;
    }
    const auto count = static_cast<std::int64_t>(places.size());
    const std::int64_t bytes = plan.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
    const void* const workspace = bytes == 0 ? nullptr : device_.scratch(static_cast<std::size_t>(bytes));
    CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids.data())
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, data.data())
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace)
        .finish();
    return cudnnBackendExecute(device_.impl().cudnn_handle(), plan.get(), pack.get());
  }

  Device& device_;
  const PlanRules rules_;
  const ConvolutionProblem problem_;
  const ConvolutionPass pass_;
  const std::string key_;
  std::shared_ptr<const CudnnDescriptor> plan_;
  bool tried_ = false;
  bool lacked_memory_ = false;  ///< for a plan that may be the fastest
};

class CudnnConvolver final : public Convolver {
 public:
  CudnnConvolver(const Context& context, const ConvolutionProblem& problem)
      : device_(context.device),
        biased_(problem.options.bias),
        relu_(problem.options.relu),
        output_(context.activation(problem.output)),
        forward_(context, problem, ConvolutionPass::kForward),
        backward_input_(context, problem, ConvolutionPass::kBackwardInput),
        backward_weight_(context, problem, ConvolutionPass::kBackwardWeight) {
    if (biased_ || relu_) fused_.emplace(context, problem, ConvolutionPass::kFusedForward);
  }

  void forward(const void* input, const void* weight, const Tensor* bias, void* output) override {
    const std::array<Place, 3> places{{{kInput, input}, {kWeight, weight}, {kOutput, output}}};
    const bool as_announced = (bias != nullptr) == biased_;
    if (fused_ && as_announced && !settled_) settle(places, bias, output);
    if (fused_ && as_announced) {
      run_fused(places, bias);
    } else {
      forward_.run(places);
      finish(bias, output);
    }
  }

  void backward_input(const void* output_gradient, const void* weight, void* input_gradient) override {
    backward_input_.run(
        std::array<Place, 3>{{{kInput, input_gradient}, {kWeight, weight}, {kOutput, output_gradient}}});
  }

  void backward_weight(const void* input, const void* output_gradient, void* weight_gradient) override {
    backward_weight_.run(
        std::array<Place, 3>{{{kInput, input}, {kWeight, weight_gradient}, {kOutput, output_gradient}}});
  }

 private:
  void finish(const Tensor* bias, void* output) {
    if (bias == nullptr && !relu_) return;
    add_bias(device_, bias == nullptr ? nullptr : bias->data(), relu_, output_, output);
  }

  /// cuDNN wants the bias in the element of what it is added to.
  [[nodiscard]] std::array<Place, 4> with_bias(std::span<const Place, 3> places, const Tensor* bias) {
    const void* data = nullptr;
    if (bias != nullptr) {
      const Element element = arrangement_of(output_).element;
      data = rearranged(device_, *bias, arranged(bias->shape(), {Order::kRowMajor, element}), own_bias_).data();
    }
    return {places[0], places[1], places[2], {kBias, data}};
  }

  void run_fused(std::span<const Place, 3> places, const Tensor* bias) {
    const auto all = with_bias(places, bias);
    fused_->run(std::span(all).first(bias == nullptr ? 3 : 4));
  }

  /// Keeps the fused pass where it is the faster.
  void settle(std::span<const Place, 3> places, const Tensor* bias, void* output) {
    settled_ = true;
    if (!fused_->is_given_up()) {
      const auto all = with_bias(places, bias);
      const auto used = std::span(all).first(bias == nullptr ? 3 : 4);
      if (fused_->try_known(used)) return;
      forward_.run(places);  // so that what it chooses is not timed with it
      const double separate_s = best_seconds(device_.impl(), [&] {
        forward_.run(places);
        finish(bias, output);
      });
      const std::optional<double> fused_s = fused_->choose(used);
      if (fused_s && *fused_s <= separate_s) return;
      fused_->give_up();
    }
    fused_.reset();
  }

  Device& device_;
  const bool biased_, relu_;
  const TensorDescription output_;
  PlannedPass forward_, backward_input_, backward_weight_;
  std::optional<PlannedPass> fused_;  ///< where cuDNN adds the bias and rectifies on the way
  bool settled_ = false;
  Tensor own_bias_;
};

}  // namespace

std::unique_ptr<Convolver> make_convolver(const Context& context, const ConvolutionProblem& problem) {
  return std::make_unique<CudnnConvolver>(context, problem);
}

}  // namespace poseidon::cuda
