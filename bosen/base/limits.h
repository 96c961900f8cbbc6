#pragma once

// Every bound of the system in one place.

#include <cstddef>
#include <cstdint>

namespace bosen::limits {

/// Bytes of rows that travel in one frame, as long as a row is not larger by itself.
inline constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
/// Largest body of a frame; a longer one is refused before memory is taken.
inline constexpr std::size_t kFrameBodyBytesMax = std::size_t{1} << 30;
/// Largest row, and largest update of one.
inline constexpr std::size_t kRowBytesMax = kFrameBodyBytesMax / 4;

inline constexpr int kProcessesMax = 4096;
inline constexpr int kWorkersPerProcessMax = 250;
inline constexpr int kShardsPerProcessMax = 256;
inline constexpr int kShardsMax = 65'535;
inline constexpr int kTablesMax = 4096;
inline constexpr int kChannelsMax = 4096;
inline constexpr std::size_t kNameBytesMax = 256;
/// Bytes of a host's name (DNS) with a user in front of it.
inline constexpr std::size_t kHostBytesMax = 320;
inline constexpr std::size_t kConfigBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kRowsPerRequestMax = std::size_t{1} << 16;

/// A shard tells a client that its updates were applied at least every so many messages of them.
inline constexpr std::uint64_t kConfirmEveryBatches = 16;

/// Frames on their way to one peer before further ones wait.
inline constexpr std::size_t kSendWindowFrames = 1024;
/// What a message counts, beside its rows and their ids, where its bytes are bounded.
inline constexpr std::size_t kMessageBytes = 256;
/// Bytes on their way to one peer before further frames wait: at first, and where the network is so slow that frames
/// and their acknowledgements take longer than the delay.
inline constexpr std::size_t kSendWindowBytesMax = std::size_t{64} << 20;
inline constexpr std::size_t kSendWindowBytesMin = 2 * kBlockBytes;
inline constexpr std::int64_t kQueueDelayNs = 2'000'000'000;
/// The same, and the window to begin with, where rows have several priorities: what is on its way can't be overtaken.
/// Peers share the second, as far as the first lets them. Where a frame fills it by itself, as much may follow. The
/// delay is what frames may take longer than the fastest has.
inline constexpr std::size_t kRankedWindowBytesMin = 4 * kBlockBytes;
inline constexpr std::size_t kRankedWindowsBytes = 8 * kBlockBytes;
inline constexpr std::int64_t kRankedQueueDelayNs = 10'000'000;
/// An acknowledgement leaves after so many received bytes; where rows have priorities the sender asks for one after
/// fewer.
inline constexpr std::size_t kAcknowledgeEveryBytes = kSendWindowBytesMax / 16;
inline constexpr std::size_t kAskEveryBytes = kBlockBytes / 2;
/// Frames from one peer that may wait for an earlier one.
inline constexpr std::size_t kReceiveWindowFrames = 2 * kSendWindowFrames;
/// Bytes that wait for peers that do not keep up, all of them together, before a worker that advances has to wait too.
inline constexpr std::size_t kSendQueueBytesMax = std::size_t{256} << 20;
/// Messages that wait for a shard or a client before whoever receives more has them handled first.
inline constexpr std::size_t kInboxMessages = 256;
/// An acknowledgement is sent after so many frames, or after so long.
inline constexpr std::size_t kAcknowledgeEveryFrames = 64;
inline constexpr std::int64_t kAcknowledgeDelayNs = 20'000'000;
/// Unacknowledged frames are sent again when nothing was acknowledged for so long; doubles up to the maximum.
inline constexpr std::int64_t kRetransmitNs = 1'000'000'000;
inline constexpr std::int64_t kRetransmitMaxNs = 32'000'000'000;
/// A frame of rows may take longer: the slowest network that is not taken for a broken one. So may an acknowledgement
/// that waits behind a queue of them, up to a maximum.
inline constexpr std::int64_t kSlowestBytesPerS = 1'000'000;
inline constexpr std::int64_t kQueueWaitMaxNs = 4'000'000'000;

/// How often processes tell the coordinator that they live, and when silence counts as death.
inline constexpr std::int64_t kHeartbeatNs = 500'000'000;
inline constexpr std::int64_t kPeerSilenceNs = 6'000'000'000;
/// How long workers of a process whose job has failed may compute on before the process ends without them.
inline constexpr std::int64_t kEndWaitNs = 3'000'000'000;
static_assert(kPeerSilenceNs + kEndWaitNs < 10'000'000'000, "a lost process ends the job within ten seconds");
/// Versions of rows that wait for a worker of the process to end its clock; beyond that the others wait for it too.
inline constexpr std::size_t kRetiredBytesMax = std::size_t{1} << 30;
/// A wait longer than this says on whom it waits.
inline constexpr std::int64_t kQuietWaitNs = 10'000'000'000;

/// Blocks from this size on lie where processes of the same host can read them; smaller ones are copied for less.
inline constexpr std::size_t kSharedBlockBytesMin = std::size_t{16} << 10;
/// Blocks of a process that others look at so, at one time; further ones are copied.
inline constexpr std::uint32_t kLoansMax = 1 << 16;

/// Memory that a process keeps for reuse.
inline constexpr std::size_t kPooledBytesMax = std::size_t{1} << 30;

static_assert(kBlockBytes <= kFrameBodyBytesMax);
static_assert(kSendWindowFrames * kMessageBytes <= kBlockBytes, "small messages must not fill a window by themselves");
static_assert(kReceiveWindowFrames >= kSendWindowFrames, "a peer's window must fit into ours");
static_assert(kAskEveryBytes * 4 <= kRankedWindowBytesMin, "acknowledgements must keep a small window moving");
static_assert(kAcknowledgeEveryFrames * 2 <= kSendWindowFrames, "acknowledgements must keep a full window moving");
static_assert(kRetransmitNs < kQueueWaitMaxNs && kQueueWaitMaxNs < kRetransmitMaxNs);
static_assert(kPeerSilenceNs >= 4 * kHeartbeatNs);

}  // namespace bosen::limits
