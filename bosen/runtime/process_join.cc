// Process's part that joins a job of several processes: transport, member list, links.

#include <malloc.h>
#include <unistd.h>

#include <algorithm>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/base/version.h"
#include "bosen/net/address.h"
#include "bosen/net/zmq/zmq_transport.h"
#include "bosen/runtime/process.h"

namespace bosen::runtime {
namespace {

/// FNV-1a: frames of another job on a reused port are recognised by it.
std::uint64_t hash_of(const std::string& token) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : token) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
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

}  // namespace

void Process::join() {
  keep_freed_memory();
  const JobSpec& job = spec_.job;
  if (spec_.servers >= job.size) {
    throw Error(ErrorKind::kConfiguration, "the job has " + std::to_string(job.size) + " processes and " +
                                               std::to_string(spec_.servers) +
                                               " of them shall be servers: at least one must have workers");
  }
  const bool serves_only = job.rank >= job.size - spec_.servers;
  const bool one_host = net::is_loopback("tcp://" + spec_.host + ":0");
  net::ZmqOptions options;
  options.rank = job.rank;
  options.bind_host = one_host ? "127.0.0.1" : "*";
  options.public_host = one_host ? "" : spec_.host;
  options.ipc = spec_.options.transport != TransportChoice::kTcp;
  options.checksum = one_host ? wire::BlockChecksum::kNone : wire::BlockChecksum::kCrc32c;
  auto transport = std::make_unique<net::ZmqTransport>(options, pool_);

  Member own;
  own.rank = job.rank;
  own.host = spec_.host;
  own.machine = net::host_identity();
  own.pid = ::getpid();
  own.version = kVersion;
  own.workers = serves_only ? 0 : spec_.options.workers;
  own.shards = serves_only || spec_.servers == 0 ? std::max(1, spec_.options.shards) : 0;
  own.addresses = transport->addresses();
  control_ = std::make_unique<JobControl>(job, own, [this](const Error& cause) { fail(cause); });

  const std::vector<Member>& members = control_->members();
  members_ = membership(members, job.rank, spec_.servers);
  const std::uint64_t job_hash = hash_of(job.job);
  wire::DecodeContext context = decode_context(members_, job_hash, job.size);
  context.shape_of = [this](TableId table) { return shapes_.find(table); };
  transport->set_context(std::move(context));
  make_actors();
  for (const Member& peer : members) {
    if (peer.rank >= job.rank) continue;  // the higher rank connects to the lower
    transport->connect(peer.rank, net::choose_address(own.machine, {peer.rank, peer.machine, peer.addresses},
                                                      spec_.options.transport));
  }
  transport_ = std::move(transport);
  network_ =
      std::make_unique<Network>(Network::Options{.rank = job.rank, .processes = job.size, .job = job_hash, .epoch = 1},
                                *transport_, [this](std::vector<wire::Envelope>& envelopes) { deliver(envelopes); });
  network_->start();
}

}  // namespace bosen::runtime
