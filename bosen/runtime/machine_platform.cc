#include "bosen/runtime/machine_platform.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/base/log.h"
#include "bosen/base/version.h"
#include "bosen/net/address.h"
#include "bosen/net/shm/shared_memory.h"
#include "bosen/net/zmq/zmq_transport.h"
#include "bosen/runtime/job_control.h"
#include "bosen/runtime/network_thread.h"
#include "bosen/runtime/starting_point.h"
#include "bosen/wire/frame_header.h"

namespace bosen::runtime {
namespace {

/// FNV-1a: frames of another job on a reused port are recognised by it.
std::uint64_t hash_of(const std::string& token) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : token) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

/// Workers that meet for a checkpoint would wait for ever for those that don't.
void expect_same_checkpoints(const std::vector<Member>& members) {
  const Clock first = members.front().checkpoint_every;
  for (const Member& member : members) {
    if (member.checkpoint_every == first) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("rank 0 was started with --checkpoint-every {}, rank {} with {}: give all "
                            "processes the same",
                            first, member.rank, member.checkpoint_every));
  }
}

/// A job that is started again may have the token that it had before: a Slurm job that was requeued has, and what is
/// started by hand.
std::string token_of_run(const std::string& job, const std::vector<Member>& members) {
  std::string token = job;
  for (const Member& member : members) {
    token += fmt::format(" {} {}", member.pid, fmt::join(member.addresses, " "));
  }
  return token;
}

/// libzmq takes memory for every large frame that it receives; given back to the system each time, its pages would have
/// to be cleared again for every frame, which costs more than receiving it.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kKeptBytesMax = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kKeptBytesMax);
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytesMax);
  ::mallopt(M_TOP_PAD, 64 << 20);
#endif
}

core::Membership membership(const std::vector<Member>& members, Rank rank, int servers) {
  core::Membership membership;
  membership.rank = rank;
  const auto clients = members.size() - static_cast<std::size_t>(servers);
  for (const Member& member : members) {
    if (static_cast<std::size_t>(member.rank) < clients) membership.workers.push_back(member.workers);
    membership.rank_of_shard.insert(membership.rank_of_shard.end(), static_cast<std::size_t>(member.shards),
                                    member.rank);
  }
  return membership;
}

wire::DecodeContext decode_context(const core::Membership& members, std::uint64_t job, int processes) {
  wire::DecodeContext context;
  context.job = job;
  context.epoch = 1;
  context.processes = processes;
  context.shards = members.shards();
  context.workers = members.worker_count();
  context.rank = members.rank;
  for (WorkerId worker = 0; worker < members.worker_count(); ++worker) {
    context.rank_of_worker.push_back(members.rank_of_worker(worker));
  }
  context.rank_of_shard = members.rank_of_shard;
  return context;
}

std::vector<std::vector<store::CheckpointId>> usable_checkpoints(const std::vector<Member>& members) {
  std::vector<std::vector<store::CheckpointId>> usable(members.size());
  for (std::size_t rank = 0; rank < members.size(); ++rank) {
    for (const std::string& text : members[rank].checkpoints) {
      if (const auto id = checkpoint_id_of(text)) usable[rank].push_back(*id);
    }
  }
  return usable;
}

std::unique_ptr<net::ZmqTransport> make_transport(const ProcessSpec& spec, BufferPool& pool) {
  const bool one_host = net::is_loopback("tcp://" + spec.host + ":0");
  net::ZmqOptions options;
  options.rank = spec.job.rank;
  options.bind_host = one_host ? "127.0.0.1" : "*";
  options.public_host = one_host ? "" : spec.host;
  options.ipc = spec.options.transport != TransportChoice::kTcp;
  options.checksum = one_host ? wire::BlockChecksum::kNone : wire::BlockChecksum::kCrc32c;
  return std::make_unique<net::ZmqTransport>(options, pool);
}

/// Memory that the job's other processes of this host can read; none where nobody wants it, or the system has none.
std::unique_ptr<net::SharedMemory> make_shared_memory(const ProcessSpec& spec) {
  const TransportChoice choice = spec.options.transport;
  if (choice == TransportChoice::kTcp || choice == TransportChoice::kIpc) return nullptr;
  try {
    return std::make_unique<net::SharedMemory>(spec.job.rank, spec.job.size);
  } catch (const Error&) {
    if (choice == TransportChoice::kShm) throw;
    return nullptr;  // ipc does without
  }
}

/// Opens the memory of all peers of this host. Returns whether there is any.
bool open_memory_of_peers(net::SharedMemory& memory, const ProcessSpec& spec, const Member& own,
                          const std::vector<Member>& members) {
  bool any = false;
  if (own.machine.empty()) return any;
  for (const Member& peer : members) {
    if (peer.rank == own.rank || peer.machine != own.machine) continue;
    try {
      memory.open(peer.rank, net::shared_memory_of({peer.rank, peer.machine, peer.addresses}));
      any = true;
    } catch (const Error& error) {
      // ipc does without, unless somebody insists.
      if (spec.options.transport != TransportChoice::kShm) continue;
      throw Error(error.kind(), "rank " + std::to_string(peer.rank) + ": " + error.what() + "; choose transport auto");
    }
  }
  return any;
}

Member make_member(const ProcessSpec& spec, const net::Transport& transport, const net::SharedMemory* memory) {
  const bool serves_only = spec.job.rank >= spec.job.size - spec.job.servers;
  Member own;
  own.rank = spec.job.rank;
  own.host = spec.host;
  own.machine = net::host_identity();
  own.pid = ::getpid();
  own.version = std::string(kVersion) + " (wire " + std::to_string(wire::kWireVersion) + ")";
  own.workers = serves_only ? 0 : spec.options.workers;
  own.shards = serves_only || spec.job.servers == 0 ? std::max(1, spec.options.shards) : 0;
  own.addresses = transport.addresses();
  if (memory != nullptr) own.addresses.push_back(memory->address());
  own.checkpoint_every = spec.options.checkpoint_every;
  for (const store::CheckpointId& id : spec.usable) own.checkpoints.push_back(to_text(id));
  return own;
}

/// Connects to the job's other processes, as they have said they are.
Joined connect(const ProcessSpec& spec, const Member& own, const std::vector<Member>& members, ShapeRegistry& shapes,
               BufferPool& pool, net::ZmqTransport& transport, std::unique_ptr<net::SharedMemory> memory) {
  expect_same_checkpoints(members);
  Joined joined;
  joined.members = membership(members, own.rank, spec.job.servers);
  joined.job = hash_of(spec.job.job);
  joined.run = hash_of(token_of_run(spec.job.job, members));
  joined.usable = usable_checkpoints(members);
  if (memory && open_memory_of_peers(*memory, spec, own, members)) {
    pool.use(memory->block_memory());
    transport.set_shared_memory(std::move(memory));
  }
  wire::DecodeContext context = decode_context(joined.members, joined.job, spec.job.size);
  context.shape_of = [&shapes](TableId table) { return shapes.find(table); };
  transport.set_context(std::move(context));
  for (const Member& peer : members) {
    if (peer.rank >= own.rank) continue;  // the higher rank connects to the lower
    transport.connect(
        peer.rank, net::choose_address(own.machine, {peer.rank, peer.machine, peer.addresses}, spec.options.transport));
  }
  return joined;
}

}  // namespace

core::TimeNs MachinePlatform::now() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double MachinePlatform::epoch_s() const {
  const std::chrono::duration<double> since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return since_1970.count() - static_cast<double>(now()) / 1e9;
}

void MachinePlatform::rest(core::TimeNs duration) {
  std::unique_lock lock(mutex_);
  end_expected_or_due_.wait_for(lock, std::chrono::nanoseconds(duration), [&] { return end_expected_; });
}

void MachinePlatform::expect_end(const Error& cause) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(end_expected_, true)) return;
  end_expected_or_due_.notify_all();
  const auto end_without_workers = [this, cause](const std::stop_token& stop) {
    std::unique_lock own(mutex_);
    const auto never = [] { return false; };
    end_expected_or_due_.wait_for(own, stop, std::chrono::nanoseconds(limits::kEndWaitNs), never);
    if (stop.stop_requested()) return;
    try_write_line(STDERR_FILENO, std::string("bosen: ") + cause.what() +
                                      " (workers of this process computed on, so it ended without them)");
    std::_Exit(exit_code(cause.kind()));
  };
  try {
    last_resort_ = std::jthread(end_without_workers);
  } catch (const std::system_error&) {
    // Memory may be what the job has failed for. It ends without a last resort: when workers look, or its launcher.
  }
}

// Telling the others may take as long as the last resort waits, and must not be cut off by it.
void MachinePlatform::end_begins() {
  const std::lock_guard lock(mutex_);
  end_expected_ = true;
  last_resort_.request_stop();
}

std::unique_ptr<Waiter> MachinePlatform::make_waiter() { return std::make_unique<ThreadWaiter>(); }

void MachinePlatform::run_side_by_side(int count, const std::function<void(int)>& body) {
  std::promise<bool> all_started;
  const std::shared_future<bool> begins = all_started.get_future().share();
  std::vector<std::jthread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  try {
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&body, i, begins] {
        if (begins.get()) body(i);
      });
    }
  } catch (const std::exception& error) {
    // Workers wait for each other: those that are there would wait for ever.
    all_started.set_value(false);
    throw Error(ErrorKind::kConfiguration,
                "cannot start worker thread " + std::to_string(threads.size() + 1) + " of " + std::to_string(count) +
                    ": " + error.what() +
                    "; use fewer workers, or allow more threads and memory (ulimit -u, ulimit -v)");
  }
  all_started.set_value(true);
}

Joined MachinePlatform::join(const ProcessSpec& spec, ShapeRegistry& shapes, BufferPool& pool, JobListener listener) {
  keep_freed_memory();
  auto transport = make_transport(spec, pool);
  std::unique_ptr<net::SharedMemory> memory = make_shared_memory(spec);
  const Member own = make_member(spec, *transport, memory.get());
  auto control = std::make_unique<JobControl>(spec.job, own, std::move(listener));
  Joined joined;
  try {
    joined = connect(spec, own, control->members(), shapes, pool, *transport, std::move(memory));
  } catch (const std::exception& error) {
    control->abort(as_error(error));  // others may have no reason to find anything wrong
    throw;
  }
  joined.transport = std::move(transport);
  joined.participation = std::move(control);
  return joined;
}

std::unique_ptr<NetworkDriver> MachinePlatform::drive(Network& network) {
  return std::make_unique<NetworkThread>(network);
}

}  // namespace bosen::runtime
