#pragma once

// Lets every layer's gradients leave as soon as backward has computed them, and waits for the common result layer by
// layer in the next forward (wait-free backpropagation; Zhang et al., USENIX ATC'17, section 3.1). Used by its worker's
// thread.
//
// A device that computes by itself is asked to bring a layer's gradients to the host as soon as it has been asked for
// them; they are sent once they are there, between two layers or, where the device is the slower, at the iteration's
// end.
//
//     net.forward(sync.observer()); net.backward(sync.observer()); sync.end_iteration();      // again and again
//     sync.finish_all();                                                  // before a test, a snapshot
//     worker.barrier(); sync.catch_up();                                  // at the end

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "poseidon/net.h"
#include "poseidon/sync/device_timeline.h"
#include "poseidon/sync/layer_updater.h"
#include "poseidon/sync/scheme_tuner.h"
#include "poseidon/sync/sync_plan.h"
#include "poseidon/sync/synchronizer.h"
#include "poseidon/sync/timeline.h"

namespace poseidon {

class WaitFreeBackprop final : public NetObserver {
 public:
  struct Options {
    bool overlap = true;  ///< false: all layers are sent after the whole backward and awaited before the next forward
    Timeline* timeline = nullptr;  ///< records where one is given
    /// Is told, at worker 0, what measuring has found about schemes, where the plan has others for some layers.
    std::function<void(const std::string&)> tell = {};
  };

  /// All have to outlive it. With staleness the net's parameters are at their first values, the same on all workers.
  WaitFreeBackprop(const SyncPlan& plan, bosen::Worker& worker, Net& net, Backend& backend, LayerUpdater& updater,
                   const Options& options);
  WaitFreeBackprop(const WaitFreeBackprop&) = delete;
  WaitFreeBackprop& operator=(const WaitFreeBackprop&) = delete;

  /// Who has to be told of passes: itself, or nullptr where there is nothing to do between layers, so that a device can
  /// take many as one.
  [[nodiscard]] NetObserver* observer() { return is_alone() && options_.timeline == nullptr ? nullptr : this; }

  void before_forward(int layer) override;
  void after_forward(int layer) override;
  void before_backward(int layer) override;
  void after_backward(int layer) override;

  /// Ends the worker's clock. After some of the first iterations workers agree on schemes here, where the plan leaves a
  /// choice, and wait for each other.
  void end_iteration();

  /// Waits until the parameters of all layers are in place.
  void finish_all();

  /// After a barrier: the same, and with staleness the parameters then show the updates of all workers.
  void catch_up();

  /// Puts all that a device beside the host has done into the timeline, for which it waits.
  void finish_timeline();

  /// Seconds spent waiting for others so far.
  [[nodiscard]] double waited_s() const { return static_cast<double>(waited_ns_) * 1e-9; }

  /// Changes how the plan's layers travel, from the next iteration on. Every worker does so before the same one.
  void use(std::span<const Scheme> schemes);

  /// What measuring has settled, in this run or an earlier one; no layers while it goes on.
  [[nodiscard]] SettledSchemes settled() const;

  /// A layer's synchronizer, and what `plan` says of it.
  struct LayerState {
    const PlannedLayer* planned = nullptr;
    int layer = 0;  ///< in Net::layers(), where a device may have folded layers that the plan counts
    std::unique_ptr<Synchronizer> synchronizer;
    std::int64_t predicted_bytes = 0;  ///< of all iterations so far, by the cost model
    bool leaves = false;               ///< fetched, or being fetched, to be started in this iteration
    bool awaited = false;              ///< started and not finished
  };
  [[nodiscard]] const std::vector<LayerState>& layers() const { return layers_; }

 private:
  LayerState* find(int layer);
  std::unique_ptr<Synchronizer> make_synchronizer(const LayerState& state, Scheme scheme);
  void begin_tuning();
  void tune();
  void record(const Timeline::Event& event);
  void fetch(LayerState& state);
  /// Starts what has been fetched, in the order in which it was asked for.
  void start_fetched();
  void check_gradients(const LayerState& state);
  void await_fetch(const LayerState& state);
  void start(LayerState& state);
  /// Waits; returns whether the update is still to be made.
  bool await(LayerState& state);
  Outcome take_in(LayerState& state);
  /// Begins what `note` ends, on the host and on a device beside it.
  std::int64_t begin(Timeline::Activity activity, int layer);
  void note(Timeline::Activity activity, int layer, std::int64_t begin_ns);
  /// The same of what only the host does.
  void note_host(Timeline::Activity activity, int layer, std::int64_t begin_ns);
  [[nodiscard]] bool is_alone() const { return plan_.workers() == 1; }
  [[nodiscard]] bool starts_late() const;
  [[nodiscard]] std::vector<int> layer_numbers() const;

  const SyncPlan& plan_;
  bosen::Worker& worker_;
  Net& net_;
  Backend& backend_;
  LayerUpdater& updater_;
  const Options options_;
  const double gradient_factor_;      ///< of what `finish` leaves: the sum over all workers, or the worker's own
  std::optional<SchemeTuner> tuner_;  ///< until it is settled
  std::optional<DeviceTimeline> device_timeline_;
  std::vector<LayerState> layers_;
  std::vector<int> state_of_layer_;  ///< index into layers_, -1 where nothing is learned
  std::deque<LayerState*> leaving_;  ///< those that leave and have not started
  std::size_t awaited_ = 0;
  std::int64_t iteration_ = 0;
  std::int64_t layer_begin_ns_ = 0;
  std::int64_t waited_ns_ = 0;
};

}  // namespace poseidon
