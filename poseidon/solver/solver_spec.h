#pragma once

// How to train a net, as its YAML file says it: Caffe's solver keys.
//
//     net: ../nets/lenet.yaml        # beside this file, or from the working folder
//     type: SGD
//     base_lr: 0.01
//     lr_policy: inv
//     max_iter: 10000

#include <cstdint>
#include <optional>
#include <string>

#include "poseidon/backend.h"
#include "poseidon/solver/learning_rate.h"

namespace poseidon {

struct SolverSpec {
  std::string file;
  std::string net;  ///< path of the net's file, ready to be opened

  std::string type;  ///< "SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"
  UpdateRule rule;   ///< by type, momentum, momentum2, rms_decay, delta, regularization_type
  LearningRatePolicy rate;
  double weight_decay = 0;
  double clip_gradients = 0;  ///< largest L2 norm of all gradients together; 0: any

  std::int64_t max_iter = 0;
  std::int64_t iter_size = 1;  ///< batches whose gradients are added up for one update

  std::int64_t test_iter = 0;      ///< batches of a test; 0: the whole test part
  std::int64_t test_interval = 0;  ///< iterations between tests; 0: one at the end alone
  bool test_initialization = true;

  std::int64_t display = 20;      ///< iterations between reports of the loss; 0: none
  std::int64_t average_loss = 1;  ///< iterations over which a reported loss is averaged

  std::int64_t snapshot = 0;    ///< iterations between snapshots; 0: none on the way
  std::string snapshot_prefix;  ///< folder for them; empty: none
  bool snapshot_after_train = true;

  std::optional<std::uint64_t> random_seed;
};

/// Throws bosen::Error(kConfiguration): file:line:column, key, and what is wrong with it.
[[nodiscard]] SolverSpec read_solver_spec(const std::string& path);
[[nodiscard]] SolverSpec parse_solver_spec(const std::string& text, const std::string& file);

}  // namespace poseidon
