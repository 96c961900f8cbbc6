#include "poseidon/backend/cuda/nvidia/cudnn_graph.h"

#include <algorithm>
#include <array>
#include <utility>

#include "poseidon/backend/cuda/nvidia/check.h"

namespace poseidon::cuda {
namespace {

constexpr const char* kDescribe = "describe a computation to cuDNN";
/// Bytes that packs of elements are aligned to; tensors in the net's memory plan are.
constexpr std::int64_t kTensorAlignment = 16;

std::vector<CudnnDescriptor> configurations(const CudnnDescriptor& graph, const CudnnDescriptor& device,
                                            cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode)
      .set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device);
  if (!heuristic.try_finish()) return {};
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0,
                                 &count, nullptr),
        "ask cuDNN for ways to compute");
  std::vector<CudnnDescriptor> results;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < count; ++i) {
    results.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(results.back().get());
  }
  check(cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count,
                                 &count, raw.data()),
        "ask cuDNN for ways to compute");
  results.erase(results.begin() + count, results.end());
  return results;
}

bool is_allowed(const CudnnDescriptor& configuration, const PlanRules& rules) {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.get();
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                 &count, &raw),
        "ask cuDNN for an engine");
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  check(cudnnBackendGetAttribute(raw, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                 static_cast<std::int64_t>(notes.size()), &count, notes.data()),
        "ask cuDNN for an engine's notes");
  const auto end = notes.begin() + std::min<std::int64_t>(count, static_cast<std::int64_t>(notes.size()));
  const auto has = [&](cudnnBackendNumericalNote_t note) { return std::find(notes.begin(), end, note) != end; };
  return !has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) &&
         (rules.tensor_cores || !has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE)) &&
         (!rules.keeps_nan || has(CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP));
}

}  // namespace

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) {
  check(cudnnBackendCreateDescriptor(type, &descriptor_), kDescribe);
}

CudnnDescriptor::~CudnnDescriptor() {
  if (descriptor_ != nullptr) cudnnBackendDestroyDescriptor(descriptor_);
}

CudnnDescriptor::CudnnDescriptor(CudnnDescriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, nullptr)) {}

CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                      std::int64_t count, const void* values) {
  check(cudnnBackendSetAttribute(descriptor_, name, type, count, values), kDescribe);
  return *this;
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
  const cudnnBackendDescriptor_t raw = value.get();
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
  return set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  return set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}

CudnnDescriptor& CudnnDescriptor::finish() {
  check(cudnnBackendFinalize(descriptor_), kDescribe);
  return *this;
}

bool CudnnDescriptor::try_finish() { return cudnnBackendFinalize(descriptor_) == CUDNN_STATUS_SUCCESS; }

std::int64_t CudnnDescriptor::integer(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0;
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_INT64, 1, &count, &value), "ask cuDNN for a number");
  return value;
}

std::string CudnnDescriptor::text(cudnnBackendAttributeName_t name) const {
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_CHAR, 0, &count, nullptr), "ask cuDNN for a text");
  std::string text(static_cast<std::size_t>(count), '\0');
  check(cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_CHAR, count, &count, text.data()),
        "ask cuDNN for a text");
  text.resize(static_cast<std::size_t>(count));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

CudnnDescriptor device_properties(int device) {
  CudnnDescriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  const std::int32_t number = device;
  properties.set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1, &number).finish();
  return properties;
}

CudnnDescriptor device_properties(const std::string& json) {
  CudnnDescriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties
      .set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, static_cast<std::int64_t>(json.size()),
           json.data())
      .finish();
  return properties;
}

CudnnDescriptor describe(const GraphTensor& tensor) {
  CudnnDescriptor description(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  description.set(CUDNN_ATTR_TENSOR_DATA_TYPE, tensor.type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, tensor.extents)
      .set(CUDNN_ATTR_TENSOR_STRIDES, tensor.strides)
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &tensor.id)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &kTensorAlignment)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &tensor.is_virtual)
      .finish();
  return description;
}

CudnnDescriptor make_graph(std::span<const CudnnDescriptor> operations) {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const CudnnDescriptor& operation : operations) raw.push_back(operation.get());
  CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(raw.size()),
            raw.data());
  graph.finish();
  return graph;
}

std::vector<CudnnDescriptor> make_plans(const CudnnDescriptor& graph, const CudnnDescriptor& device,
                                        const PlanRules& rules, std::size_t count) {
  std::vector<CudnnDescriptor> plans;
  // The first mode is enough but where it names few, as without tensor cores.
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const CudnnDescriptor& configuration : configurations(graph, device, mode)) {
      if (plans.size() == count) return plans;
      if (!is_allowed(configuration, rules)) continue;
      CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration)
          .set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device);
      if (!plan.try_finish()) continue;
      if (plan.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) > rules.workspace_bytes_max) continue;
      plans.push_back(std::move(plan));
    }
  }
  return plans;
}

RememberedPlan remembered_plan(const std::string& json, const CudnnDescriptor& device) {
  RememberedPlan remembered{CudnnDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)};
  const auto set = [&](cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                       const void* values) {
    return cudnnBackendSetAttribute(remembered.plan.get(), name, type, count, values) == CUDNN_STATUS_SUCCESS;
  };
  const cudnnBackendDescriptor_t raw = device.get();
  remembered.fits = set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw) &&
                    set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                        static_cast<std::int64_t>(json.size()), json.data()) &&
                    remembered.plan.try_finish();
  return remembered;
}

}  // namespace poseidon::cuda
