#pragma once

// How the processes of a simulated job leave together, and how they learn that one has crashed.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "bosen/base/error.h"
#include "bosen/runtime/participation.h"
#include "bosen/sim/fibre_waiter.h"
#include "bosen/sim/sim_network.h"

namespace bosen::sim {

class SimJob final : private EventHandler {
 public:
  using OnFailure = std::function<void(const Error& cause)>;

  /// Plans the crashes.
  SimJob(Scheduler& scheduler, SimNetwork& network, const SimSpec& spec);

  /// A process joins; it is told of failures, those that were before too, until its participation ends.
  std::unique_ptr<runtime::Participation> join(Rank rank, OnFailure on_failure);

  /// A process has failed: the others hear of it.
  void abort(Rank rank, const Error& cause);

 private:
  friend class SimParticipation;

  bool leave();
  /// Tells every process but the one of which it speaks.
  void fail_others(Rank rank, const Error& cause);
  void happen(std::uint64_t argument) override;

  Scheduler& scheduler_;
  SimNetwork& network_;
  FibreWaiter waiter_;
  std::map<Rank, OnFailure> members_;
  int processes_;
  int left_ = 0;
  std::optional<Error> failure_;
};

}  // namespace bosen::sim
