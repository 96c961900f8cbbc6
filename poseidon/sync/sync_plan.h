#pragma once

// Decides for every layer how its gradients travel, and makes the tables and channels for it. One for a process, made
// before its workers run; its workers share it and do not change it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bosen/cluster.h"
#include "poseidon/sync/coded_rows.h"
#include "poseidon/sync/cost_model.h"
#include "poseidon/sync/local_sum.h"
#include "poseidon/sync/parameter_rows.h"

namespace poseidon {

/// What is to be known of a layer with learned parameters before there is a net.
struct SyncLayer {
  int layer = 0;  ///< its number in Net::layers()
  std::string name;
  std::vector<std::int64_t> sizes;  ///< elements of each learned parameter that is not frozen, in their order
  LayerSize size;
};

/// What was measured to be faster (SchemeTuner), for a training that goes on to add up in the same way.
struct SettledSchemes {
  int processes = 0;                          ///< for which it is
  int workers = 0;                            ///< of all of them
  Codec codec = Codec::kFp32;                 ///< with which it was asked for
  std::map<std::string, Scheme> layers = {};  ///< by name: ps or sfb
};

/// One layer, decided.
struct PlannedLayer {
  SyncLayer layer;
  Scheme scheme = Scheme::kNone;  ///< with which training begins
  std::optional<Scheme> other;    ///< to which it may change, as measured (SchemeTuner)
  bool is_settled = false;        ///< by an earlier run's measuring
  std::optional<ParameterRows> rows;
  RowTable table;                         ///< ps
  std::unique_ptr<LocalGradients> local;  ///< ps under bsp
  bosen::Channel channel;                 ///< sfb

  [[nodiscard]] bool has(Scheme candidate) const { return scheme == candidate || other == candidate; }
};

class SyncPlan {
 public:
  /// What is asked for, of every layer.
  struct Wanted {
    Scheme scheme = Scheme::kAuto;
    Codec codec = Codec::kFp32;
    /// Of an earlier run; counts for kAuto where it is for as many processes and workers and the same codec.
    SettledSchemes settled = {};
  };

  /// Every process makes the same plan. `batch` and workers are alike in all. Throws bosen::Error(kUsage) where sfb or
  /// a codec is asked for with another model than bsp.
  SyncPlan(bosen::Cluster& cluster, std::vector<SyncLayer> layers, const Wanted& wanted);
  /// The same for processes other than the cluster has, but as many workers.
  SyncPlan(bosen::Cluster& cluster, std::vector<SyncLayer> layers, const Wanted& wanted, const Party& party);
  SyncPlan(const SyncPlan&) = delete;
  SyncPlan& operator=(const SyncPlan&) = delete;

  [[nodiscard]] const std::vector<PlannedLayer>& layers() const { return layers_; }
  /// Whether workers exchange gradients (bsp) or updates (with staleness).
  [[nodiscard]] bool exchanges_gradients() const { return exchanges_gradients_; }
  [[nodiscard]] int workers() const { return party_.workers(); }
  [[nodiscard]] const Party& party() const { return party_; }
  [[nodiscard]] Codec codec() const { return wanted_.codec; }

  /// Bytes of an iteration that a process sends and receives, by the cost model.
  [[nodiscard]] std::int64_t bytes(const PlannedLayer& planned, Scheme scheme) const;

  /// Whether any layer has another scheme, and then what workers agree over.
  [[nodiscard]] bool may_change() const;
  [[nodiscard]] const bosen::Channel& tuning() const { return tuning_; }

 private:
  void check(const bosen::Cluster& cluster) const;
  void choose_for(PlannedLayer& planned) const;
  void open(bosen::Cluster& cluster, PlannedLayer& planned, Scheme scheme) const;
  void open_table(bosen::Cluster& cluster, PlannedLayer& planned, int priority) const;
  void open_local(bosen::Cluster& cluster, PlannedLayer& planned) const;

  const Wanted wanted_;
  const Party party_;
  const bool exchanges_gradients_;
  std::vector<PlannedLayer> layers_;
  bosen::Channel tuning_;
};

}  // namespace poseidon
