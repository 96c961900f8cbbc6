#pragma once

// Which of a peer's addresses to use. An address is a transport's own text, "tcp://HOST:PORT" or "ipc://@NAME"; ipc
// ones reach processes that share kernel and network namespace, and no others. Beside them may stand where the
// process's shared memory is (net/shm).

#include <string>
#include <string_view>
#include <vector>

#include "bosen/base/options.h"
#include "bosen/base/types.h"

namespace bosen::net {

/// Where a process can be reached.
struct PeerEndpoint {
  Rank rank = 0;
  std::string host;                    ///< its `host_identity`
  std::vector<std::string> addresses;  ///< best last
};

/// The same text in all processes that can reach each other by ipc, another one elsewhere: kernel's boot id and network
/// namespace. Empty where the system does not tell; then only tcp is used.
std::string host_identity();

/// The address of `peer` to connect to. Throws Error(kUsage) where the choice cannot be followed, Error(kNetwork) where
/// the peer has no address that this process can reach.
std::string choose_address(const std::string& own_host, const PeerEndpoint& peer, TransportChoice choice);

/// Where the memory of a peer of the same host can be read. Throws Error(kNetwork) where it shares none.
std::string shared_memory_of(const PeerEndpoint& peer);

/// Whether a tcp address can only be reached from its own host.
bool is_loopback(std::string_view address);

}  // namespace bosen::net
