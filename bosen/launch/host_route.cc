#include "bosen/launch/host_route.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "bosen/base/suggestion.h"
#include "bosen/launch/text.h"
#include "bosen/launch/unique_fd.h"

namespace bosen::launch {
namespace {

constexpr const char* kLoopbackAddress = "127.0.0.1";

/// "10.0.0.1" or "::1"; empty for other families.
std::string numeric(const sockaddr* address) {
  if (address == nullptr || (address->sa_family != AF_INET && address->sa_family != AF_INET6)) return {};
  const auto size = static_cast<socklen_t>(address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text.data();
}

std::set<std::string> own_addresses() {
  std::set<std::string> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next)
    addresses.insert(numeric(entry->ifa_addr));
  ::freeifaddrs(list);
  addresses.erase("");
  return addresses;
}

std::string own_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

/// Names that a person may have meant: those of /etc/hosts, which a bare machine may lack.
std::vector<std::string> known_names() {
  std::vector<std::string> names{"localhost"};
  std::ifstream file("/etc/hosts");
  for (std::string line; names.size() < 10000 && std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    words >> word;
    while (words >> word) names.push_back(word);
  }
  return names;
}

/// The address from which this machine's packets to `address` leave; empty where there is no route.
std::string source_towards(const addrinfo& address) {
  const UniqueFd fd(::socket(address.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) return {};
  sockaddr_storage local{};
  socklen_t size = sizeof(local);
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0) return {};
  return numeric(reinterpret_cast<const sockaddr*>(&local));
}

bool is_loopback_name(const std::string& name) {
  return name.empty() || name == "localhost" || name == "::1" || name.starts_with("127.");
}

class RouteFinder {
 public:
  explicit RouteFinder(const std::vector<Host>& hosts) : hosts_(hosts) {}

  HostRoutes find() {
    for (const Host& host : hosts_) result_.routes.push_back(find_one(host));
    name_local_host();
    return std::move(result_);
  }

 private:
  HostRoute find_one(const Host& host) const {
    HostRoute route;
    route.peer_name = host.name;
    const std::string short_name = own_name_.substr(0, own_name_.find('.'));
    if (host.name.empty() || host.name == "localhost" || host.name == own_name_ || host.name == short_name) {
      route.local = true;
      return route;
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.name.c_str(), nullptr, &hints, &found);
    if (error != 0) {
      const std::string nearest = suggestion(host.name, known_names());
      route.problem = fmt::format("{}: the host '{}' is not known: {}{}", host.where, host.name, ::gai_strerror(error),
                                  nearest.empty() ? "; write its address, or add it to DNS or /etc/hosts" : nearest);
      return route;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
      route.local = route.local || own_addresses_.contains(numeric(address->ai_addr));
      if (route.our_address.empty()) route.our_address = source_towards(*address);
    }
    if (route.our_address.empty()) {
      route.problem =
          fmt::format("{}: there is no route to the host '{}': check this machine's network", host.where, host.name);
    }
    return route;
  }

  /// In a job on several hosts the others cannot reach this one as "localhost".
  void name_local_host() {
    const auto remote = std::find_if(result_.routes.begin(), result_.routes.end(),
                                     [](const HostRoute& route) { return !route.local && route.problem.empty(); });
    for (HostRoute& route : result_.routes) {
      if (!route.local) continue;
      route.our_address = kLoopbackAddress;
      if (remote == result_.routes.end()) {
        route.peer_name = kLoopbackAddress;
      } else if (is_loopback_name(route.peer_name)) {
        route.peer_name = remote->our_address;
      }
    }
  }

  const std::vector<Host>& hosts_;
  std::set<std::string> own_addresses_ = own_addresses();
  std::string own_name_ = own_name();
  HostRoutes result_;
};

}  // namespace

bool HostRoutes::all_local() const {
  return std::all_of(routes.begin(), routes.end(), [](const HostRoute& route) { return route.local; });
}

std::string HostRoutes::problems() const {
  std::string lines;
  for (const HostRoute& route : routes) {
    if (!route.problem.empty()) lines += (lines.empty() ? "" : "\n") + route.problem;
  }
  return lines;
}

HostRoutes find_routes(const std::vector<Host>& hosts) { return RouteFinder(hosts).find(); }

}  // namespace bosen::launch
