#include "bosen/net/address.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "bosen/base/error.h"
#include "bosen/net/shm/segment_layout.h"

namespace bosen::net {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";

// The best address of that kind, or an empty one.
std::string best_of_kind(const std::vector<std::string>& addresses, std::string_view kind) {
  for (auto address = addresses.rbegin(); address != addresses.rend(); ++address) {
    if (address->starts_with(kind)) return *address;
  }
  return {};
}

}  // namespace

std::string host_identity() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::error_code error;
  const std::string name_space = std::filesystem::read_symlink("/proc/self/ns/net", error).string();
  if (!std::getline(file, boot) || boot.empty() || error) return {};
  return boot + "/" + name_space;
}

bool is_loopback(std::string_view address) {
  if (!address.starts_with(kTcp)) return false;
  address.remove_prefix(kTcp.size());
  return address.starts_with("127.") || address.starts_with("[::1]:") || address.starts_with("::1:") ||
         address.starts_with("localhost:");
}

std::string choose_address(const std::string& own_host, const PeerEndpoint& peer, TransportChoice choice) {
  const bool same_host = !own_host.empty() && own_host == peer.host;
  const std::string ipc = best_of_kind(peer.addresses, kIpc);
  const std::string tcp = best_of_kind(peer.addresses, kTcp);
  if (choice == TransportChoice::kIpc || choice == TransportChoice::kShm) {
    if (!same_host) {
      throw Error(ErrorKind::kUsage, fmt::format("rank {} runs on another host, which {} cannot reach: choose the "
                                                 "transport tcp, or automatic",
                                                 peer.rank, choice == TransportChoice::kIpc ? "ipc" : "shm"));
    }
    if (ipc.empty()) {
      throw Error(ErrorKind::kNetwork,
                  fmt::format("rank {} does not listen on ipc: choose the same transport in every process", peer.rank));
    }
    return ipc;
  }
  if (choice == TransportChoice::kAutomatic && same_host && !ipc.empty()) return ipc;
  if (tcp.empty()) {
    throw Error(ErrorKind::kNetwork,
                fmt::format("rank {} does not listen on tcp: choose the same transport in every process", peer.rank));
  }
  if (!same_host && is_loopback(tcp)) {
    throw Error(ErrorKind::kNetwork,
                fmt::format("rank {} runs on another host and listens at {} only: start it with an "
                            "address that this host can reach",
                            peer.rank, tcp));
  }
  return tcp;
}

std::string shared_memory_of(const PeerEndpoint& peer) {
  std::string address = best_of_kind(peer.addresses, SegmentAddress::kKind);
  if (address.empty()) throw Error(ErrorKind::kNetwork, "shares no memory with processes of its host");
  return address;
}

}  // namespace bosen::net
