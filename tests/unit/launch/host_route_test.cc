#include "bosen/launch/host_route.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace bosen::launch {
namespace {

TEST(HostRouteTest, AJobWithoutHostsStaysOnLoopback) {
  const HostRoutes routes = find_routes({Host{}});
  ASSERT_TRUE(routes.all_local());
  EXPECT_EQ(routes.routes[0].peer_name, "127.0.0.1");
  EXPECT_EQ(routes.routes[0].our_address, "127.0.0.1");
}

TEST(HostRouteTest, KnowsThisHostByItsNamesAndAddresses) {
  std::array<char, 256> name{};
  ASSERT_EQ(::gethostname(name.data(), name.size() - 1), 0);
  for (const std::string& host : {std::string("localhost"), std::string("127.0.0.1"), std::string(name.data())}) {
    EXPECT_TRUE(find_routes(parse_host_list(host)).all_local()) << host;
  }
}

TEST(HostRouteTest, OtherLoopbackAddressesAreOtherHosts) {
  const HostRoutes routes = find_routes(parse_host_list("127.0.0.2"));
  EXPECT_FALSE(routes.routes[0].local);
  EXPECT_EQ(routes.routes[0].peer_name, "127.0.0.2");
  EXPECT_EQ(routes.routes[0].our_address, "127.0.0.1");
}

TEST(HostRouteTest, OthersReachThisHostByAnAddressOfTheirNetwork) {
  const HostRoutes routes = find_routes(parse_host_list("localhost,127.0.0.2"));
  EXPECT_TRUE(routes.routes[0].local);
  EXPECT_EQ(routes.routes[0].peer_name, "127.0.0.1");  // what 127.0.0.2 sees of us
  EXPECT_EQ(routes.routes[0].our_address, "127.0.0.1");
}

TEST(HostRouteTest, ListsEveryUnknownHostWithItsPlace) {
  const std::string problems = find_routes(parse_host_list("localhost,no-such-host.invalid,other.invalid")).problems();
  EXPECT_TRUE(problems.starts_with("-H:11: the host 'no-such-host.invalid' is not known: ")) << problems;
  EXPECT_NE(problems.find("\n-H:32: the host 'other.invalid' is not known: "), std::string::npos) << problems;
}

}  // namespace
}  // namespace bosen::launch
