// Convolutions by cuDNN: of the plans that it takes for good ones the fastest, as timed here at the first run. The
// choice is remembered on disk, by device, version and shape.

#include "poseidon/backend/cuda/convolver.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "bosen/error.h"
#include "poseidon/backend/cuda/nvidia/convolution_graph.h"
#include "poseidon/backend/cuda/nvidia/device_impl.h"
#include "poseidon/backend/cuda/nvidia/plan_cache.h"

namespace poseidon::cuda {
namespace {

constexpr std::size_t kCandidates = 8;
constexpr std::int64_t kWorkspaceBytesMax = std::int64_t{1} << 30;

/// Where a plan finds a tensor.
struct Place {
  std::int64_t id = 0;
  const void* data = nullptr;
};

/// One graph of one shape.
class PlannedPass {
 public:
  PlannedPass(const Context& context, const ConvolutionProblem& problem, ConvolutionPass pass)
      : device_(context.device),
        rules_{.tensor_cores = context.precision != Precision::kFp32, .workspace_bytes_max = kWorkspaceBytesMax},
        properties_(device_properties(context.device.number())),
        graph_(make_convolution_graph(problem, pass)),
        key_(key_of(problem, pass, context.precision)) {}

  /// Whether cuDNN can compute the graph at all; then it is ready, as far as nothing has to be timed.
  [[nodiscard]] bool prepare() {
    if (const std::optional<std::string> known = plans().find(key_)) {
      RememberedPlan remembered = remembered_plan(*known, properties_);
      if (remembered.fits) {
        plan_ = std::move(remembered.plan);
        return true;
      }
    }
    candidates_ = make_plans(graph_.graph, properties_, rules_, kCandidates);
    return !candidates_.empty();
  }

  void run(std::span<const Place> places) {
    if (!plan_) choose(places);
    check(execute(*plan_, places), "compute a convolution");
  }

 private:
  PlanCache& plans() { return device_.impl().plan_cache(); }

  void choose(std::span<const Place> places) {
    double best_s = 0;
    for (CudnnDescriptor& candidate : candidates_) {
      if (execute(candidate, places) != CUDNN_STATUS_SUCCESS) continue;
      const double own_s =
          best_seconds(device_.impl(), [&] { check(execute(candidate, places), "compute a convolution"); });
      if (plan_ && own_s >= best_s) continue;
      best_s = own_s;
      plan_ = std::move(candidate);
    }
    candidates_.clear();
    if (!plan_) {
      throw bosen::Error(bosen::ErrorKind::kDevice, fmt::format("cuda: cuDNN has no way to compute '{}'", key_));
    }
    plans().add(key_, plan_->text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION));
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
  const CudnnDescriptor properties_;
  const ConvolutionGraph graph_;
  const std::string key_;
  std::vector<CudnnDescriptor> candidates_;  ///< until the first run
  std::optional<CudnnDescriptor> plan_;
};

class CudnnConvolver final : public Convolver {
 public:
  CudnnConvolver(const Context& context, const ConvolutionProblem& problem)
      : device_(context.device),
        output_(context.activation(problem.output)),
        forward_(context, problem, ConvolutionPass::kForward),
        backward_input_(context, problem, ConvolutionPass::kBackwardInput),
        backward_weight_(context, problem, ConvolutionPass::kBackwardWeight) {
    if (problem.options.bias) {
      biased_.emplace(context, problem, ConvolutionPass::kForwardWithBias);
      if (!biased_->prepare()) biased_.reset();
    }
    const std::array<PlannedPass*, 3> passes{&forward_, &backward_input_, &backward_weight_};
    for (PlannedPass* pass : passes) {
      if (pass == &forward_ && biased_) continue;
      if (!pass->prepare()) {
        throw bosen::Error(bosen::ErrorKind::kDevice,
                           fmt::format("cuda: cuDNN has no way to compute '{}'",
                                       key_of(problem, ConvolutionPass::kForward, context.precision)));
      }
    }
    static_cast<void>(forward_.prepare());  // also where only tests call it without a bias
  }

  void forward(const void* input, const void* weight, const float* bias, void* output) override {
    if (bias != nullptr && biased_) {
      biased_->run(std::array<Place, 4>{{{kInput, input}, {kWeight, weight}, {kOutput, output}, {kBias, bias}}});
      return;
    }
    forward_.run(std::array<Place, 3>{{{kInput, input}, {kWeight, weight}, {kOutput, output}}});
    if (bias != nullptr) add_bias(device_, bias, output_, output);
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
  Device& device_;
  const TensorDescription output_;
  PlannedPass forward_, backward_input_, backward_weight_;
  std::optional<PlannedPass> biased_;  ///< where cuDNN adds the bias on the way
};

}  // namespace

std::unique_ptr<Convolver> make_convolver(const Context& context, const ConvolutionProblem& problem) {
  return std::make_unique<CudnnConvolver>(context, problem);
}

}  // namespace poseidon::cuda
