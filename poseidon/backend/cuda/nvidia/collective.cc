// Sums and copies by NCCL. Its communicators do not block: a thread that waits in one of NCCL's calls could not be
// released when another worker fails (NCCL's guide, "Fault Tolerance").

#include "poseidon/backend/cuda/collective.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend/cuda/nvidia/check.h"
#include "poseidon/backend/cuda/nvidia/device_impl.h"

#ifdef POSEIDON_HAS_NCCL
#include <nccl.h>
#endif

namespace poseidon::cuda {

#ifdef POSEIDON_HAS_NCCL

namespace {

using SteadyClock = std::chrono::steady_clock;

/// How long GPUs of one host may take to reach each other.
constexpr std::chrono::seconds kMeetMax{60};
/// How long NCCL may take to queue what all members ask for: it connects them when they first do.
constexpr std::chrono::seconds kQueueMax{60};
constexpr const char* kMeet = "let the GPUs of this host reach each other";
constexpr const char* kAddUp = "add up on the GPUs of this host";

void check_nccl(ncclResult_t status, const char* what) {
  if (status == ncclSuccess || status == ncclInProgress) return;
  throw bosen::Error(bosen::ErrorKind::kDevice,
                     fmt::format("cuda: cannot {}: NCCL: {}; NCCL_DEBUG=INFO in the environment tells more", what,
                                 ncclGetErrorString(status)));
}

/// From its making to `end` calls are collected, to be begun as one.
class NcclGroup {
 public:
  NcclGroup() { check_nccl(ncclGroupStart(), kAddUp); }
  ~NcclGroup() {
    if (!ended_) static_cast<void>(ncclGroupEnd());
  }
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  void end(const char* what) {
    ended_ = true;
    check_nccl(ncclGroupEnd(), what);
  }

 private:
  bool ended_ = false;
};

class NcclCollective final : public Collective {
 public:
  explicit NcclCollective(std::span<const int> devices) : Collective(devices.size()), members_(devices.size()) {
    try {
      connect(devices);
    } catch (...) {
      release();
      throw;
    }
  }
  ~NcclCollective() override { release(); }
  NcclCollective(const NcclCollective&) = delete;
  NcclCollective& operator=(const NcclCollective&) = delete;

  void expect_success(int member) override {
    static_cast<void>(state_of(members_[static_cast<std::size_t>(member)], kAddUp));
  }

 private:
  struct Member {
    std::mutex mutex;  ///< guards `communicator` against release
    ncclComm_t communicator = nullptr;
  };

  void queue(int member, Device& device, Lane lane, Kind kind, std::span<const Part> parts) override {
    Member& own = members_[static_cast<std::size_t>(member)];
    {
      const std::lock_guard lock(own.mutex);
      expect_all();
      NcclGroup group;
      for (const Part& part : parts) check_nccl(begin(own, kind, part, device.impl().stream(lane)), kAddUp);
      group.end(kAddUp);
    }
    settle(own, kAddUp, kQueueMax);
  }

  void connect(std::span<const int> devices) {
    ncclUniqueId id;
    check_nccl(ncclGetUniqueId(&id), kMeet);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    NcclGroup group;
    for (std::size_t i = 0; i < devices.size(); ++i) {
      check(cudaSetDevice(devices[i]), "use the device");
      check_nccl(ncclCommInitRankConfig(&members_[i].communicator, size(), id, static_cast<int>(i), &config), kMeet);
    }
    group.end(kMeet);
    for (Member& member : members_) settle(member, kMeet, kMeetMax);
  }

  static ncclResult_t begin(const Member& own, Kind kind, const Part& part, cudaStream_t stream) {
    float* const data = part.elements;
    switch (kind) {
      case Kind::kReduce:
        return ncclReduce(data, data, part.count, ncclFloat, ncclSum, part.owner, own.communicator, stream);
      case Kind::kReduceForAll:
        return ncclAllReduce(data, data, part.count, ncclFloat, ncclSum, own.communicator, stream);
      case Kind::kBroadcast:
        return ncclBroadcast(data, data, part.count, ncclFloat, part.owner, own.communicator, stream);
    }
    return ncclInvalidArgument;
  }

  /// Whether NCCL is done with queueing. Throws where it has failed, also in what was queued long ago.
  ncclResult_t state_of(Member& member, const char* what) const {
    ncclResult_t state = ncclInProgress;
    {
      const std::lock_guard lock(member.mutex);
      expect_all();
      check_nccl(ncclCommGetAsyncError(member.communicator, &state), what);
    }
    check_nccl(state, what);
    return state;
  }

  /// Waits until NCCL has queued what it was asked for: only then may streams be asked for more.
  void settle(Member& member, const char* what, std::chrono::seconds wait_max) const {
    const auto deadline = SteadyClock::now() + wait_max;
    while (state_of(member, what) == ncclInProgress) {
      if (SteadyClock::now() > deadline) {
        throw bosen::Error(bosen::ErrorKind::kDevice,
                           fmt::format("cuda: cannot {}: NCCL has not done it in {} s", what, wait_max.count()));
      }
      std::this_thread::yield();
    }
  }

  // Also at the end, where nothing is under way any more: all workers have ended.
  void release() noexcept override {
    for (Member& member : members_) {
      const std::lock_guard lock(member.mutex);
      if (member.communicator != nullptr) static_cast<void>(ncclCommAbort(member.communicator));
      member.communicator = nullptr;
    }
  }

  std::vector<Member> members_;
};

}  // namespace

std::string why_no_collective(std::span<const int> devices) {
  std::vector<int> sorted(devices.begin(), devices.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  return twice == sorted.end() ? "" : fmt::format("several of them use GPU {}", *twice);
}

std::shared_ptr<Collective> make_collective(std::span<const int> devices) {
  return std::make_shared<NcclCollective>(devices);
}

std::string collective_library() {
  int version = 0;
  static_cast<void>(ncclGetVersion(&version));
  return fmt::format("NCCL {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

#else

std::string why_no_collective(std::span<const int> /*devices*/) { return "this program was built without NCCL"; }

std::shared_ptr<Collective> make_collective(std::span<const int> devices) {
  throw bosen::Error(bosen::ErrorKind::kDevice, "cuda: " + why_no_collective(devices));
}

std::string collective_library() { return "no NCCL"; }

#endif

}  // namespace poseidon::cuda
