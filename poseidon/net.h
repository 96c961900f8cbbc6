#pragma once

// A graph of layers, run in order. Owns layers, blobs and their memory. Used by one thread (its worker's).

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "poseidon/backend.h"
#include "poseidon/data/batch_source.h"
#include "poseidon/layer.h"
#include "poseidon/spec/net_spec.h"

namespace poseidon {

/// Is told where a pass is, so that gradients can leave and parameters arrive layer by layer. Layers are counted as
/// Net::layers() has them.
class NetObserver {
 public:
  virtual ~NetObserver() = default;
  /// The layer's parameters must be in place when this returns.
  virtual void before_forward(int layer) = 0;
  virtual void after_forward(int layer) = 0;
  virtual void before_backward(int layer) = 0;
  /// The gradients of the layer's parameters are in place (as far as the backend's queue goes).
  virtual void after_backward(int layer) = 0;
};

class Net;

/// What the world gives to a net.
struct NetOptions {
  Phase phase = Phase::kTrain;
  std::int64_t batch = 0;    ///< images a batch; 0: as the data layer says
  std::uint64_t seed = 1;    ///< of fillers and dropout; the same on all workers for the former
  std::uint64_t worker = 0;  ///< dropout masks differ from worker to worker
  /// The net whose parameters of the same layer and name are this net's too: a test net looks at what it learns. Need
  /// not outlive it. nullptr: all are this net's own.
  const Net* shares = nullptr;
};

/// A measure that a forward has produced: "loss", "accuracy", by the name of its blob.
struct Measure {
  std::string name;
  double value = 0;
};

class Net {
 public:
  /// Makes layers, checks shapes, plans memory and fills parameters. `source` has to outlive the net and may be null
  /// where the data layer states its shape (then `forward` can't be called). Throws bosen::Error(kConfiguration) with
  /// file, line and key.
  Net(const NetSpec& spec, const NetOptions& options, Backend& backend, BatchSource* source);
  ~Net();

  /// The number of the next forward, from 0: what is random in layers depends on it. Forward counts on.
  void set_iteration(std::int64_t iteration);

  /// Computes all layers; returns the loss (weighted sum of loss layers; 0 where there are none).
  double forward(NetObserver* observer = nullptr);
  /// The same without waiting for the loss, which `loss` does.
  void begin_forward(NetObserver* observer = nullptr);
  /// Of the last forward: whether the device has computed it, and what it is.
  [[nodiscard]] bool has_loss() const;
  [[nodiscard]] double loss() const;
  /// Computes gradients of all learned parameters; after `forward`.
  void backward(NetObserver* observer = nullptr);

  [[nodiscard]] std::span<const std::unique_ptr<Layer>> layers() const;
  /// Outputs that nobody reads, of the last forward.
  [[nodiscard]] std::vector<Measure> measures() const;

  /// After a forward whose loss is no number: the first layer that wrote one, and what it is; empty where none did.
  [[nodiscard]] std::string find_nonfinite() const;

  [[nodiscard]] std::int64_t parameter_count() const;
  /// Of activations, gradients and parameters; operations have scratch memory of their own.
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] const std::string& name() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace poseidon
