// Recordings as CUDA graphs (CUDA programming guide, "CUDA Graphs", stream capture).

#include <utility>

#include "poseidon/backend/cuda/device.h"
#include "poseidon/backend/cuda/nvidia/check.h"
#include "poseidon/backend/cuda/nvidia/device_impl.h"

namespace poseidon::cuda {
namespace {

constexpr const char* kRecord = "keep work as a graph";

class Graph final : public Recording {
 public:
  /// Takes the graph over.
  Graph(cudaGraph_t graph, cudaStream_t stream) : stream_(stream) {
    const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
    static_cast<void>(cudaGraphDestroy(graph));
    check(status, kRecord);
  }
  ~Graph() override { static_cast<void>(cudaGraphExecDestroy(graph_)); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void repeat() override { check(cudaGraphLaunch(graph_, stream_), "launch a graph"); }

 private:
  const cudaStream_t stream_;
  cudaGraphExec_t graph_ = nullptr;
};

/// From its making to `end` what a stream is asked for is kept. Other workers' threads go on meanwhile.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), kRecord);
  }
  ~Capture() {
    if (ended_) return;
    cudaGraph_t graph = nullptr;
    static_cast<void>(cudaStreamEndCapture(stream_, &graph));
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
    static_cast<void>(cudaGetLastError());
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  [[nodiscard]] cudaGraph_t end() {
    ended_ = true;
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(stream_, &graph), kRecord);
    return graph;
  }

 private:
  const cudaStream_t stream_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Recording> Device::record(const std::function<void()>& ask) {
  const cudaStream_t stream = impl_->stream(Lane::kCompute);
  Capture capture(stream);
  ask();
  return std::make_unique<Graph>(capture.end(), stream);
}

}  // namespace poseidon::cuda
