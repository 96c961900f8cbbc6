#pragma once

// Bounds of everything that the launcher keeps, waits for or accepts from outside.

#include <chrono>
#include <cstddef>

#include "bosen/base/limits.h"

namespace bosen::launch {

/// Processes of one job.
inline constexpr int kMaxProcesses = 4096;

/// Slots of one host in a hostfile.
inline constexpr int kMaxSlots = 4096;

/// Bytes of a hostfile.
inline constexpr std::size_t kMaxHostfileBytes = std::size_t{4} << 20U;

/// Hosts that an expanded Slurm node list may name.
inline constexpr std::size_t kMaxNodes = 65536;

/// Bytes of a job's token.
inline constexpr std::size_t kMaxJobBytes = 128;

/// Bytes of one line of the rendezvous, its end included.
inline constexpr std::size_t kMaxRendezvousLine = 512;

/// Connections to the rendezvous that have not said who they are, beyond one for each process of the job; the oldest
/// gives way to a new one.
inline constexpr std::size_t kMaxStrangers = 64;

/// How long a connection to the rendezvous may take to say who it is.
inline constexpr std::chrono::seconds kStrangerTime{5};

/// When a person is told what is waited for, and how often after that.
inline constexpr std::chrono::seconds kFirstNotice{5};
inline constexpr std::chrono::seconds kNextNotice{10};

/// Bytes of a line of output that is tagged as a whole; a longer one is cut.
inline constexpr std::size_t kMaxOutputLine = std::size_t{64} << 10U;

/// Bytes waiting for our own stdout or stderr before the job's processes are no longer read.
inline constexpr std::size_t kMaxPendingOutput = std::size_t{1} << 20U;

static_assert(limits::kHostBytesMax + kMaxJobBytes + 32 < kMaxRendezvousLine);
static_assert(kNextNotice <= std::chrono::seconds{10}, "nothing waits silently for longer");
static_assert(kMaxOutputLine < kMaxPendingOutput);

}  // namespace bosen::launch
