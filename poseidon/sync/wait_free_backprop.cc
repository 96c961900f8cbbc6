#include "poseidon/sync/wait_free_backprop.h"

#include <algorithm>
#include <utility>

#include "bosen/worker.h"
#include "poseidon/sync/device_gradient_table.h"
#include "poseidon/sync/factor_broadcast.h"
#include "poseidon/sync/gradient_table.h"
#include "poseidon/sync/parameter_table.h"

namespace poseidon {
namespace {

/// One worker: its gradients are everybody's.
class Alone final : public Synchronizer {
 public:
  [[nodiscard]] Scheme scheme() const override { return Scheme::kNone; }
  void fetch() override {}
  [[nodiscard]] bool is_fetched() override { return true; }
  void await_fetch() override {}
  void start(bosen::Worker& /*worker*/) override {}
  void await(bosen::Worker& /*worker*/) override {}
  Outcome finish() override { return Outcome::kGradients; }
};

int number_of(const std::string& name, std::span<const std::unique_ptr<Layer>> layers) {
  const auto found =
      std::find_if(layers.begin(), layers.end(), [&](const auto& layer) { return layer->name() == name; });
  return static_cast<int>(found - layers.begin());
}

}  // namespace

WaitFreeBackprop::WaitFreeBackprop(const SyncPlan& plan, bosen::Worker& worker, Net& net, Backend& backend,
                                   LayerUpdater& updater, const Options& options)
    : plan_(plan),
      worker_(worker),
      net_(net),
      backend_(backend),
      updater_(updater),
      options_(options),
      gradient_factor_(plan.exchanges_gradients() ? 1.0 / plan.workers() : 1.0),
      state_of_layer_(net.layers().size(), -1) {
  for (const PlannedLayer& planned : plan.layers()) {
    LayerState state;
    state.planned = &planned;
    state.layer = number_of(planned.layer.name, net.layers());
    state_of_layer_.at(static_cast<std::size_t>(state.layer)) = static_cast<int>(layers_.size());
    state.synchronizer = make_synchronizer(state, planned.scheme);
    layers_.push_back(std::move(state));
  }
  if (plan.may_change()) begin_tuning();
  if (backend.works_beside_host() && (options.timeline != nullptr || tuner_)) {
    device_timeline_.emplace(
        backend, [this](const Timeline::Event& event) { record(event); }, options.timeline != nullptr);
  }
}

std::unique_ptr<Synchronizer> WaitFreeBackprop::make_synchronizer(const LayerState& state, Scheme scheme) {
  const PlannedLayer& planned = *state.planned;
  Layer& layer = *net_.layers()[static_cast<std::size_t>(state.layer)];
  if (scheme == Scheme::kNone) return std::make_unique<Alone>();
  if (scheme == Scheme::kSfb) {
    return std::make_unique<FactorBroadcast>(planned.channel, codec_by(scheme, planned.layer.size.codec), backend_,
                                             layer, plan_.workers());
  }
  std::vector<Tensor*> values;
  std::vector<Tensor*> gradients;
  for (Parameter& parameter : layer.parameters()) {
    if (parameter.gradient.empty()) continue;
    values.push_back(&parameter.value);
    gradients.push_back(&parameter.gradient);
  }
  if (plan_.exchanges_gradients()) {
    if (backend_.group() != nullptr) {
      return std::make_unique<DeviceGradientTable>(*planned.rows, planned.table, plan_.party().processes, backend_,
                                                   gradients);
    }
    return std::make_unique<GradientTable>(*planned.rows, planned.table, *planned.local, worker_, backend_,
                                           std::move(gradients));
  }
  return std::make_unique<ParameterTable>(*planned.rows, planned.table.floats, backend_, std::move(values), updater_,
                                          state.layer);
}

void WaitFreeBackprop::begin_tuning() {
  tuner_.emplace(plan_, SchemeTuner::Options{.model = {.overlap = options_.overlap,
                                                       .waits_for_all = updater_.needs_all_gradients(),
                                                       .sends_beside = backend_.works_beside_host()},
                                             .numbers = layer_numbers(),
                                             .layers = static_cast<int>(net_.layers().size())});
}

void WaitFreeBackprop::tune() {
  finish_all();
  if (device_timeline_) device_timeline_->collect_all();
  use(tuner_->decide(worker_));
  if (!tuner_->is_settled()) return;
  if (worker_.id() == 0 && options_.tell) options_.tell(tuner_->conclusion());
  tuner_.reset();
  if (options_.timeline == nullptr) device_timeline_.reset();
}

SettledSchemes WaitFreeBackprop::settled() const {
  SettledSchemes settled{.processes = plan_.party().processes, .workers = plan_.workers(), .codec = plan_.codec()};
  for (const LayerState& state : layers_) {
    if (tuner_ || !(state.planned->other || state.planned->is_settled)) continue;
    settled.layers.emplace(state.planned->layer.name, state.synchronizer->scheme());
  }
  return settled;
}

void WaitFreeBackprop::use(std::span<const Scheme> schemes) {
  finish_all();
  backend_.synchronize();  // what it still does may use memory that goes
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i].synchronizer->scheme() == schemes[i]) continue;
    layers_[i].synchronizer.reset();
    layers_[i].synchronizer = make_synchronizer(layers_[i], schemes[i]);
  }
}

WaitFreeBackprop::LayerState* WaitFreeBackprop::find(int layer) {
  const int state = state_of_layer_[static_cast<std::size_t>(layer)];
  return state < 0 ? nullptr : &layers_[static_cast<std::size_t>(state)];
}

std::int64_t WaitFreeBackprop::begin(Timeline::Activity activity, int layer) {
  if (device_timeline_) device_timeline_->begin(activity, layer, iteration_);
  return Timeline::now_ns();
}

void WaitFreeBackprop::note(Timeline::Activity activity, int layer, std::int64_t begin_ns) {
  if (device_timeline_) device_timeline_->end();
  note_host(activity, layer, begin_ns);
}

void WaitFreeBackprop::note_host(Timeline::Activity activity, int layer, std::int64_t begin_ns) {
  record({activity, layer, iteration_, begin_ns, Timeline::now_ns()});
}

void WaitFreeBackprop::record(const Timeline::Event& event) {
  if (tuner_) tuner_->add(event);
  if (options_.timeline != nullptr) options_.timeline->add(event);
}

void WaitFreeBackprop::finish_timeline() {
  if (device_timeline_) device_timeline_->collect_all();
}

// Updates that are exchanged are made before they are sent, and some need all gradients first.
bool WaitFreeBackprop::starts_late() const {
  return !options_.overlap || (!plan_.exchanges_gradients() && updater_.needs_all_gradients());
}

std::vector<int> WaitFreeBackprop::layer_numbers() const {
  std::vector<int> numbers;
  for (const LayerState& state : layers_) numbers.push_back(state.layer);
  return numbers;
}

void WaitFreeBackprop::before_forward(int layer) {
  LayerState* const state = find(layer);
  if (state != nullptr && state->awaited) {
    if (await(*state)) {
      const std::int64_t begin_ns = begin(Timeline::Activity::kUpdate, layer);
      updater_.update(std::span(&layer, 1), gradient_factor_);
      note(Timeline::Activity::kUpdate, layer, begin_ns);
    }
    if (awaited_ == 0) updater_.end_iteration();
  }
  layer_begin_ns_ = begin(Timeline::Activity::kForward, layer);
}

void WaitFreeBackprop::after_forward(int layer) { note(Timeline::Activity::kForward, layer, layer_begin_ns_); }

void WaitFreeBackprop::before_backward(int layer) { layer_begin_ns_ = begin(Timeline::Activity::kBackward, layer); }

void WaitFreeBackprop::after_backward(int layer) {
  note(Timeline::Activity::kBackward, layer, layer_begin_ns_);
  if (is_alone()) return;
  if (LayerState* const state = find(layer)) {
    if (!state->synchronizer->makes_gradients()) updater_.gradients_ready(std::span(&layer, 1));
    state->synchronizer->gradient_ready();
    if (!starts_late()) fetch(*state);
  }
  start_fetched();
}

void WaitFreeBackprop::fetch(LayerState& state) {
  state.synchronizer->fetch();
  state.leaves = true;
  leaving_.push_back(&state);
}

void WaitFreeBackprop::start_fetched() {
  while (!leaving_.empty()) {
    LayerState& next = *leaving_.front();
    if (!updater_.can_check(next.layer)) return;
    check_gradients(next);
    if (!next.synchronizer->is_fetched()) return;
    start(next);
  }
}

// Before workers of the process can see them.
void WaitFreeBackprop::check_gradients(const LayerState& state) {
  if (!state.synchronizer->makes_gradients()) updater_.check(state.layer);
}

void WaitFreeBackprop::await_fetch(const LayerState& state) {
  const std::int64_t wait_ns = Timeline::now_ns();
  state.synchronizer->await_fetch();
  // A device may have been waited for; without one it was the other workers of the process.
  if (plan_.party().workers_per_process == 1 || backend_.works_beside_host()) return;
  waited_ns_ += Timeline::now_ns() - wait_ns;
  note_host(Timeline::Activity::kWait, state.layer, wait_ns);
}

void WaitFreeBackprop::start(LayerState& state) {
  leaving_.pop_front();
  check_gradients(state);
  await_fetch(state);
  if (state.synchronizer->makes_gradients()) {
    updater_.check_factors(state.layer, state.synchronizer->factors());
  }
  const std::int64_t begin_ns = Timeline::now_ns();
  state.synchronizer->start(worker_);
  state.predicted_bytes += plan_.bytes(*state.planned, state.synchronizer->scheme());
  state.awaited = true;
  ++awaited_;
  note_host(Timeline::Activity::kSend, state.layer, begin_ns);
}

bool WaitFreeBackprop::await(LayerState& state) {
  const Outcome outcome = take_in(state);
  state.awaited = false;
  --awaited_;
  return outcome == Outcome::kGradients;
}

Outcome WaitFreeBackprop::take_in(LayerState& state) {
  const std::int64_t wait_ns = Timeline::now_ns();
  state.synchronizer->await(worker_);
  waited_ns_ += Timeline::now_ns() - wait_ns;
  note_host(Timeline::Activity::kWait, state.layer, wait_ns);
  const std::int64_t combine_ns = begin(Timeline::Activity::kCombine, state.layer);
  const Outcome outcome = state.synchronizer->finish();
  note(Timeline::Activity::kCombine, state.layer, combine_ns);
  return outcome;
}

void WaitFreeBackprop::end_iteration() {
  if (is_alone()) updater_.gradients_ready(layer_numbers());
  if (!plan_.exchanges_gradients() && updater_.needs_all_gradients()) {
    updater_.prepare(layer_numbers(), gradient_factor_);
  }
  // From the loss down, as overlap would have sent them.
  for (auto state = layers_.rbegin(); state != layers_.rend(); ++state) {
    if (!state->leaves) fetch(*state);
    state->leaves = false;
  }
  while (!leaving_.empty()) start(*leaving_.front());
  worker_.advance();
  // A lone worker has nobody to wait for, and a device likes to change all parameters at once.
  if (!options_.overlap || updater_.needs_all_gradients() || is_alone()) finish_all();
  if (device_timeline_) device_timeline_->collect();
  if (tuner_) {
    tuner_->end_iteration(iteration_, Timeline::now_ns());
    if (tuner_->is_due()) tune();
  }
  ++iteration_;
}

void WaitFreeBackprop::catch_up() {
  finish_all();
  if (plan_.exchanges_gradients()) return;
  // What was finished before the barrier lacks what others did after.
  for (LayerState& state : layers_) take_in(state);
}

void WaitFreeBackprop::finish_all() {
  if (awaited_ == 0) return;
  std::vector<int> pending;
  for (LayerState& state : layers_) {
    if (state.awaited && await(state)) pending.push_back(state.layer);
  }
  if (plan_.exchanges_gradients() && updater_.needs_all_gradients()) {
    updater_.prepare(layer_numbers(), gradient_factor_);
  }
  if (!pending.empty()) {
    const std::int64_t begin_ns = begin(Timeline::Activity::kUpdate, -1);
    updater_.update(pending, gradient_factor_);
    note(Timeline::Activity::kUpdate, -1, begin_ns);
  }
  updater_.end_iteration();
}

}  // namespace poseidon
