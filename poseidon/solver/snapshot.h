#pragma once

// Training that can go on where it was: a folder for each snapshot,
//
//     SNAPSHOTS/iter_1000/weights.safetensors    parameters and statistics, "LAYER.NAME"
//                         solver.safetensors     what the solver remembers of each, "LAYER.NAME.historyK"
//                         state.json             everything else: written last
//
// It is written under another name, confirmed by the disk, and then renamed: a snapshot is there whole or not at all,
// and older ones stay what they were.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "poseidon/solver/weights.h"
#include "poseidon/sync/sync_plan.h"

namespace poseidon {

/// What is to be known beside tensors.
struct TrainingState {
  std::string net;             ///< its name
  std::string fingerprint;     ///< fingerprint_of its parameters
  std::string rule;            ///< the solver's type
  std::int64_t iteration = 0;  ///< updates made so far
  std::int64_t examples = 0;   ///< that all workers together have read: where the data goes on
  std::uint64_t seed = 1;      ///< of data order and dropout, which are functions of it and of the position
  std::vector<std::vector<double>> losses = {};  ///< of every worker, the last that average_loss averages; may be none
  SettledSchemes schemes = {};                   ///< of layers for which there is a choice; may be none
};

/// A training's tensors. What they point to outlives the call.
struct TrainingTensors {
  std::span<const NamedTensor> weights;
  std::span<const NamedTensor> history;
};

inline constexpr const char* kWeightsFile = "weights.safetensors";
inline constexpr const char* kSolverFile = "solver.safetensors";

/// Writes SNAPSHOTS/iter_N and returns its path. Throws bosen::Error(kStorage), having removed what it had begun.
std::string write_snapshot(const std::string& snapshots, const TrainingState& state, const TrainingTensors& tensors,
                           Backend& backend);

/// A snapshot that is complete as far as its state file goes.
struct Snapshot {
  std::string path;
  TrainingState state;
  std::map<std::string, std::string> checksums;  ///< of its files
  std::string passed_over = {};  ///< why a newer one of the same folder is not taken; empty: there is none
};

/// The snapshot that `path` names: itself, or the newest complete one in that folder, which may be a training's
/// --output as well. Throws bosen::Error(kData).
[[nodiscard]] Snapshot open_snapshot(const std::string& path);

/// N of the newest iter_N in that folder, complete or not; nothing where there is none.
[[nodiscard]] std::optional<std::int64_t> newest_iteration(const std::string& snapshots);

/// Fills the tensors from the snapshot. `expected` is the training that goes on: its net, fingerprint and rule are
/// compared. Throws bosen::Error(kData) and changes nothing where the snapshot is another training's or damaged.
void load_snapshot(const Snapshot& snapshot, const TrainingState& expected, const TrainingTensors& tensors,
                   Backend& backend);

/// A file of weights, and why it is not a newer snapshot's (Snapshot::passed_over).
struct WeightsFile {
  std::string path;
  std::string passed_over = {};
};

/// The weights file that `path` names: itself, or that of the snapshot that `open_snapshot` finds. Throws
/// bosen::Error(kData) where the latter is damaged.
[[nodiscard]] WeightsFile find_weights(const std::string& path);

}  // namespace poseidon
