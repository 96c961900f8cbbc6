#include "poseidon/net.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "bosen/error.h"
#include "poseidon/filler.h"
#include "poseidon/memory_plan.h"
#include "poseidon/net_graph.h"

namespace poseidon {
namespace {

constexpr int kNowhere = -1;

std::uint64_t mixed(std::uint64_t seed, std::uint64_t worker, std::uint64_t layer) {
  std::uint64_t z = seed * 0x9E3779B97F4A7C15 + worker * 0xBF58476D1CE4E5B9 + layer * 0x94D049BB133111EB;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  return z ^ (z >> 31);
}

}  // namespace

class Net::Impl {
  /// Layers one after another that ask the device for the same in every iteration, or one that does not.
  struct Stretch {
    std::size_t begin = 0, end = 0;
    std::function<void()> forward = {}, backward = {};
  };

 public:
  Impl(const NetSpec& spec, const NetOptions& options, Backend& backend, BatchSource* source);

  void begin_forward(NetObserver* observer);
  [[nodiscard]] bool has_loss() const { return backend_.is_past(losses_there_); }
  [[nodiscard]] double loss() const;
  void backward(NetObserver* observer);
  [[nodiscard]] std::vector<Measure> measures() const;
  [[nodiscard]] std::string find_nonfinite() const;
  void set_iteration(std::int64_t iteration) { next_iteration_ = iteration; }
  [[nodiscard]] std::span<const std::unique_ptr<Layer>> layers() const { return layers_; }
  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }
  [[nodiscard]] const std::string& name() const { return graph_.name; }

 private:
  void make_parameters(Layer& layer);
  /// The other net's, where this one shares it; else nullptr.
  [[nodiscard]] const Tensor* shared_value(const Layer& layer, const Parameter& parameter) const;
  void set_up_layers();
  void share_memory();
  void give_memory();
  void make_losses();
  void make_stretches();
  void forward_layers(std::size_t begin, std::size_t end, NetObserver* observer);
  void backward_layers(std::size_t begin, std::size_t end, NetObserver* observer);
  [[noreturn]] void refuse_memory(const std::string& cause) const;
  [[nodiscard]] std::string largest_layer() const;
  [[nodiscard]] Lifetime value_lifetime(std::size_t root) const;
  [[nodiscard]] Lifetime gradient_lifetime(std::size_t blob) const;
  /// Whether the layer's sufficient factors are to be valid until the next forward.
  [[nodiscard]] bool keeps_factors(int layer) const;
  [[nodiscard]] int backward_step(int layer) const { return 2 * static_cast<int>(layers_.size()) - 1 - layer; }
  [[nodiscard]] bool trains() const { return options_.phase == Phase::kTrain; }
  [[nodiscard]] float scalar(const Tensor& tensor) const;
  [[nodiscard]] std::span<float> host_losses() const;
  [[nodiscard]] LayerIo io(std::size_t layer, std::int64_t iteration);

  NetGraph graph_;
  const NetOptions options_;
  Backend& backend_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<TensorDescription> descriptions_;  ///< of each blob
  std::vector<std::size_t> roots_;               ///< of each blob: the one whose memory it has
  std::vector<int> last_uses_;                   ///< of each root's value: the step
  std::vector<Blob> blobs_;
  std::vector<std::vector<Blob*>> inputs_, outputs_;  ///< of each layer
  std::vector<Stretch> stretches_;
  std::int64_t next_iteration_ = 0;
  std::int64_t iteration_ = 0;  ///< of the last forward
  std::size_t memory_bytes_ = 0;

  std::vector<std::size_t> loss_layers_;  ///< also those that weigh nothing, as they are to be checked too
  Tensor losses_;                         ///< of each of them: their outputs, where nothing else is written
  std::shared_ptr<Memory> host_losses_;
  Ticket losses_there_;
};

Net::Impl::Impl(const NetSpec& spec, const NetOptions& options, Backend& backend, BatchSource* source)
    : graph_(make_graph(spec, {.phase = options.phase,
                               .batch = options.batch,
                               .source = source,
                               .folds_relu = backend.fuses_relu(),
                               .folds_relu_into_passes = backend.fuses_relu_into_passes()})),
      options_(options),
      backend_(backend) {
  for (GraphLayer& layer : graph_.layers) layers_.push_back(std::move(layer.layer));
  try {
    set_up_layers();
    share_memory();
    give_memory();
    make_losses();
    make_stretches();
  } catch (const std::bad_alloc&) {
    refuse_memory(OutOfMemory("the host is out of memory").what());
  } catch (const OutOfMemory& error) {
    refuse_memory(error.what());
  }
}

void Net::Impl::refuse_memory(const std::string& cause) const {
  std::int64_t elements = 0;
  for (const GraphBlob& blob : graph_.blobs) elements += blob.shape.count();
  throw bosen::Error(
      bosen::ErrorKind::kConfiguration,
      fmt::format("net '{}': there is no memory for it: its layers' outputs alone are {} MB before reuse, "
                  "the largest of '{}': {}",
                  name(), elements * static_cast<std::int64_t>(sizeof(float)) / 1'000'000, largest_layer(), cause));
}

std::string Net::Impl::largest_layer() const {
  const auto largest =
      std::max_element(graph_.blobs.begin(), graph_.blobs.end(),
                       [](const GraphBlob& a, const GraphBlob& b) { return a.shape.count() < b.shape.count(); });
  return layers_[static_cast<std::size_t>(largest->writer)]->name();
}

void Net::Impl::make_parameters(Layer& layer) {
  std::vector<float> values;
  for (Parameter& parameter : layer.parameters()) {
    const TensorDescription description = TensorDescription::row_major(parameter.shape);
    if (const Tensor* const shared = shared_value(layer, parameter)) {
      parameter.value = *shared;
    } else {
      values.resize(static_cast<std::size_t>(parameter.shape.count()));
      fill(parameter.filler, parameter.shape, options_.seed, layer.name() + "." + parameter.name, values);
      parameter.value = backend_.make(description);
      backend_.upload(values, parameter.value);
      memory_bytes_ += description.bytes;
    }
    if (!trains() || !parameter.learned || parameter.rate_factor == 0) continue;
    parameter.gradient = backend_.make(description);
    memory_bytes_ += description.bytes;
  }
}

const Tensor* Net::Impl::shared_value(const Layer& layer, const Parameter& parameter) const {
  if (options_.shares == nullptr) return nullptr;
  for (const std::unique_ptr<Layer>& other : options_.shares->layers()) {
    if (other->name() != layer.name()) continue;
    for (const Parameter& theirs : other->parameters()) {
      if (theirs.name != parameter.name) continue;
      if (theirs.shape == parameter.shape) return &theirs.value;
      throw bosen::Error(bosen::ErrorKind::kConfiguration,
                         fmt::format("layer '{}': {} is {} in one phase and {} in the other", layer.name(),
                                     parameter.name, parameter.shape.text(), theirs.shape.text()));
    }
  }
  return nullptr;
}

void Net::Impl::set_up_layers() {
  descriptions_.resize(graph_.blobs.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const GraphLayer& place = graph_.layers[i];
    LayerSetup setup{.backend = backend_,
                     .phase = options_.phase,
                     .seed = mixed(options_.seed, options_.worker, i),
                     .inputs = {},
                     .input_needs_gradient = {},
                     .outputs = {}};
    for (const int input : place.inputs) {
      setup.inputs.push_back(descriptions_[static_cast<std::size_t>(input)]);
      setup.input_needs_gradient.push_back(graph_.blobs[static_cast<std::size_t>(input)].needs_gradient);
    }
    for (const int output : place.outputs) {
      setup.outputs.push_back({.shape = graph_.blobs[static_cast<std::size_t>(output)].shape});
    }
    make_parameters(*layers_[i]);
    layers_[i]->set_up(setup);
    for (std::size_t k = 0; k < place.outputs.size(); ++k) {
      descriptions_[static_cast<std::size_t>(place.outputs[k])] = setup.outputs[k];
    }
  }
}

// Split's outputs are its input. A layer that works in place does so where nobody else looks at its input: not another
// reader (behind a split), nor the writer's backward.
void Net::Impl::share_memory() {
  for (std::size_t i = 0; i < graph_.blobs.size(); ++i) roots_.push_back(i);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const GraphLayer& place = graph_.layers[i];
    if (place.inputs.empty()) continue;
    const auto input = static_cast<std::size_t>(place.inputs[0]);
    if (layers_[i]->shares_input()) {
      for (const int output : place.outputs) roots_[static_cast<std::size_t>(output)] = roots_[input];
    } else if (layers_[i]->works_in_place()) {
      const auto writer = static_cast<std::size_t>(graph_.blobs[input].writer);
      const bool seen = layers_[writer]->shares_input() || (trains() && layers_[writer]->needs_output());
      const auto output = static_cast<std::size_t>(place.outputs[0]);
      if (!seen && descriptions_[input].bytes == descriptions_[output].bytes) roots_[output] = roots_[input];
    }
  }
}

Lifetime Net::Impl::value_lifetime(std::size_t root) const {
  Lifetime lifetime{.bytes = descriptions_[root].bytes, .first = graph_.blobs[root].writer, .last = 0};
  for (std::size_t i = 0; i < graph_.blobs.size(); ++i) {
    if (roots_[i] != root) continue;
    const GraphBlob& blob = graph_.blobs[i];
    lifetime.last = std::max(lifetime.last, blob.writer);
    // For `measures`, and losses are fetched when all layers are through.
    const bool is_loss = layers_[static_cast<std::size_t>(blob.writer)]->is_loss();
    if (blob.reader == kNowhere || is_loss) lifetime.last = backward_step(0) + 1;
    if (blob.reader == kNowhere) continue;
    lifetime.last = std::max(lifetime.last, blob.reader);
    if (!trains()) continue;
    const auto reader = static_cast<std::size_t>(blob.reader);
    const auto writer = static_cast<std::size_t>(blob.writer);
    if (keeps_factors(blob.reader)) lifetime.last = std::max(lifetime.last, backward_step(0));
    if (graph_.layers[reader].runs_backward) lifetime.last = std::max(lifetime.last, backward_step(blob.reader));
    if (graph_.layers[writer].runs_backward && layers_[writer]->needs_output()) {
      lifetime.last = std::max(lifetime.last, backward_step(blob.writer));
    }
  }
  return lifetime;
}

Lifetime Net::Impl::gradient_lifetime(std::size_t blob) const {
  const int writer = graph_.blobs[blob].writer;
  return {.bytes = descriptions_[blob].bytes,
          .first = backward_step(graph_.blobs[blob].reader),
          .last = backward_step(keeps_factors(writer) ? 0 : writer)};
}

// They may be sent after the whole backward.
bool Net::Impl::keeps_factors(int layer) const {
  const auto index = static_cast<std::size_t>(layer);
  return trains() && graph_.layers[index].runs_backward && layers_[index]->has_sufficient_factors();
}

void Net::Impl::give_memory() {
  std::vector<Lifetime> lifetimes;
  last_uses_.resize(graph_.blobs.size());
  std::vector<int> value_place(graph_.blobs.size(), kNowhere), gradient_place(graph_.blobs.size(), kNowhere);
  for (std::size_t i = 0; i < graph_.blobs.size(); ++i) {
    if (roots_[i] == i) {
      value_place[i] = static_cast<int>(lifetimes.size());
      lifetimes.push_back(value_lifetime(i));
      last_uses_[i] = lifetimes.back().last;
    }
    if (trains() && graph_.blobs[i].needs_gradient) {
      gradient_place[i] = static_cast<int>(lifetimes.size());
      lifetimes.push_back(gradient_lifetime(i));
    }
  }
  const MemoryPlan plan = plan_memory(lifetimes);
  const std::shared_ptr<Memory> memory = backend_.allocate(plan.bytes);
  memory_bytes_ += plan.bytes;
  blobs_.resize(graph_.blobs.size());
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    blobs_[i].name = graph_.blobs[i].name;
    const auto value = static_cast<std::size_t>(value_place[roots_[i]]);
    blobs_[i].value = Tensor(descriptions_[i], memory, plan.offsets[value]);
    if (gradient_place[i] == kNowhere) continue;
    blobs_[i].needs_gradient = true;
    blobs_[i].gradient = Tensor(descriptions_[i], memory, plan.offsets[static_cast<std::size_t>(gradient_place[i])]);
  }
  for (const GraphLayer& layer : graph_.layers) {
    inputs_.emplace_back();
    outputs_.emplace_back();
    for (const int input : layer.inputs) inputs_.back().push_back(&blobs_[static_cast<std::size_t>(input)]);
    for (const int output : layer.outputs) outputs_.back().push_back(&blobs_[static_cast<std::size_t>(output)]);
  }
}

void Net::Impl::make_losses() {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i]->is_loss()) loss_layers_.push_back(i);
  }
  if (loss_layers_.empty()) return;
  losses_ = backend_.make(TensorDescription::row_major({static_cast<std::int64_t>(loss_layers_.size())}));
  host_losses_ = backend_.allocate_host(losses_.description().bytes);
}

void Net::Impl::make_stretches() {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (!layers_[i]->repeats() || stretches_.empty() || !layers_[stretches_.back().begin]->repeats()) {
      stretches_.push_back({.begin = i, .end = i});
    }
    stretches_.back().end = i + 1;
  }
  for (Stretch& stretch : stretches_) {
    stretch.forward = [this, &stretch] { forward_layers(stretch.begin, stretch.end, nullptr); };
    stretch.backward = [this, &stretch] { backward_layers(stretch.begin, stretch.end, nullptr); };
    if (!layers_[stretch.begin]->repeats()) continue;
    for (std::function<void()>* const pass : {&stretch.forward, &stretch.backward}) {
      const std::shared_ptr<RepeatedWork> work = backend_.repeated(std::move(*pass));
      *pass = [work] { work->run(); };
    }
  }
}

float Net::Impl::scalar(const Tensor& tensor) const {
  float value = 0;
  backend_.download(tensor, {&value, 1});
  return value;
}

LayerIo Net::Impl::io(std::size_t layer, std::int64_t iteration) {
  return {inputs_[layer], outputs_[layer], iteration};
}

void Net::Impl::forward_layers(std::size_t begin, std::size_t end, NetObserver* observer) {
  for (std::size_t i = begin; i < end; ++i) {
    if (observer != nullptr) observer->before_forward(static_cast<int>(i));
    layers_[i]->forward(io(i, iteration_));
    if (observer != nullptr) observer->after_forward(static_cast<int>(i));
  }
}

void Net::Impl::backward_layers(std::size_t begin, std::size_t end, NetObserver* observer) {
  for (std::size_t i = end; i-- > begin;) {
    if (!graph_.layers[i].runs_backward) continue;
    if (observer != nullptr) observer->before_backward(static_cast<int>(i));
    layers_[i]->backward(io(i, iteration_));
    if (observer != nullptr) observer->after_backward(static_cast<int>(i));
  }
}

void Net::Impl::begin_forward(NetObserver* observer) {
  iteration_ = next_iteration_++;
  if (observer != nullptr) {
    forward_layers(0, layers_.size(), observer);
  } else {
    for (const Stretch& stretch : stretches_) stretch.forward();
  }
  for (std::size_t k = 0; k < loss_layers_.size(); ++k) {
    Tensor place = losses_.part({1}, static_cast<std::int64_t>(k));
    backend_.copy(outputs_[loss_layers_[k]][0]->value, place);
  }
  if (!loss_layers_.empty()) losses_there_ = backend_.begin_download(losses_, host_losses());
  for (const auto& layer : layers_) layer->forward_asked();
}

std::span<float> Net::Impl::host_losses() const {
  return {reinterpret_cast<float*>(host_losses_->data()), loss_layers_.size()};
}

double Net::Impl::loss() const {
  backend_.await(losses_there_);
  double loss = 0;
  for (std::size_t k = 0; k < loss_layers_.size(); ++k) {
    const Layer& layer = *layers_[loss_layers_[k]];
    layer.check();
    // One that weighs nothing may be no number.
    if (layer.loss_weight() != 0) loss += layer.loss_weight() * double{host_losses()[k]};
  }
  return loss;
}

void Net::Impl::backward(NetObserver* observer) {
  if (observer != nullptr) {
    backward_layers(0, layers_.size(), observer);
    return;
  }
  for (auto stretch = stretches_.rbegin(); stretch != stretches_.rend(); ++stretch) stretch->backward();
}

std::vector<Measure> Net::Impl::measures() const {
  std::vector<Measure> measures;
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    const auto writer = static_cast<std::size_t>(graph_.blobs[i].writer);
    const bool is_measure = layers_[writer]->is_measure() || layers_[writer]->is_loss();
    if (is_measure && graph_.blobs[i].reader == kNowhere) {
      measures.push_back({blobs_[i].name, double{scalar(blobs_[i].value)}});
    }
  }
  return measures;
}

std::string Net::Impl::find_nonfinite() const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    for (const Parameter& parameter : layers_[i]->parameters()) {
      if (!std::isfinite(backend_.sum_of_squares(parameter.value))) {
        return fmt::format("layer '{}': {}", layers_[i]->name(), parameter.name);
      }
    }
    for (const Blob* output : outputs_[i]) {
      // Others' memory may hold what a later layer has written.
      const std::size_t root = roots_[static_cast<std::size_t>(output - blobs_.data())];
      if (last_uses_[root] < static_cast<int>(layers_.size()) - 1) continue;
      if (!std::isfinite(backend_.sum_of_squares(output->value))) {
        return fmt::format("layer '{}': output '{}'", layers_[i]->name(), output->name);
      }
    }
  }
  return {};
}

Net::Net(const NetSpec& spec, const NetOptions& options, Backend& backend, BatchSource* source)
    : impl_(std::make_unique<Impl>(spec, options, backend, source)) {}

Net::~Net() = default;

void Net::set_iteration(std::int64_t iteration) { impl_->set_iteration(iteration); }

double Net::forward(NetObserver* observer) {
  impl_->begin_forward(observer);
  return impl_->loss();
}

void Net::begin_forward(NetObserver* observer) { impl_->begin_forward(observer); }

bool Net::has_loss() const { return impl_->has_loss(); }

double Net::loss() const { return impl_->loss(); }

void Net::backward(NetObserver* observer) { impl_->backward(observer); }

std::span<const std::unique_ptr<Layer>> Net::layers() const { return impl_->layers(); }

std::vector<Measure> Net::measures() const { return impl_->measures(); }

std::string Net::find_nonfinite() const { return impl_->find_nonfinite(); }

std::int64_t Net::parameter_count() const {
  std::int64_t count = 0;
  for (const auto& layer : impl_->layers()) {
    for (const Parameter& parameter : layer->parameters()) count += parameter.learned ? parameter.shape.count() : 0;
  }
  return count;
}

std::size_t Net::memory_bytes() const { return impl_->memory_bytes(); }

const std::string& Net::name() const { return impl_->name(); }

}  // namespace poseidon
