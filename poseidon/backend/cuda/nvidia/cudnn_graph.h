#pragma once

// cuDNN's graph API: descriptors that free themselves, and plans. Everything up to a finished plan needs only the
// description of a device, not the device: so plans for a GPU are built, and tested, on machines without one.

#include <cudnn.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace poseidon::cuda {

/// One of cuDNN's backend descriptors. Setters throw bosen::Error(kDevice).
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);
  ~CudnnDescriptor();
  CudnnDescriptor(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept;
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;

  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                       const void* values);
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value);
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values);
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  /// No more changes; throws where cuDNN can't do what was described.
  CudnnDescriptor& finish();
  /// Whether cuDNN can do it; then it is finished.
  [[nodiscard]] bool try_finish();

  [[nodiscard]] std::int64_t integer(cudnnBackendAttributeName_t name) const;
  [[nodiscard]] std::string text(cudnnBackendAttributeName_t name) const;
  [[nodiscard]] cudnnBackendDescriptor_t get() const { return descriptor_; }

 private:
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

/// What cuDNN has to know of a device to plan for it.
[[nodiscard]] CudnnDescriptor device_properties(int device);
/// The same from JSON, for a device that is not here.
[[nodiscard]] CudnnDescriptor device_properties(const std::string& json);

/// A tensor in a graph, named by a number by which plans are told where it is.
struct GraphTensor {
  std::int64_t id = 0;
  std::vector<std::int64_t> extents, strides;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  bool is_virtual = false;  ///< between two operations; nobody sees it
};
[[nodiscard]] CudnnDescriptor describe(const GraphTensor& tensor);

/// Operations that are computed at once.
[[nodiscard]] CudnnDescriptor make_graph(std::span<const CudnnDescriptor> operations);

/// Which ways of computing are allowed.
struct PlanRules {
  bool tensor_cores = true;  ///< for floats: rounded to tf32
  bool keeps_nan = false;    ///< only engines that promise it
  std::int64_t workspace_bytes_max = 0;
};

/// Finished plans for a graph on a device, those that cuDNN takes for the fastest first; at most `count`.
[[nodiscard]] std::vector<CudnnDescriptor> make_plans(const CudnnDescriptor& graph, const CudnnDescriptor& device,
                                                      const PlanRules& rules, std::size_t count);

/// A plan from what `text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)` said of it; cuDNN has to be of the same
/// version. Returns a plan that is not finished where it does not fit any more, which `fits` says.
struct RememberedPlan {
  CudnnDescriptor plan;
  bool fits = false;
};
[[nodiscard]] RememberedPlan remembered_plan(const std::string& json, const CudnnDescriptor& device);

}  // namespace poseidon::cuda
