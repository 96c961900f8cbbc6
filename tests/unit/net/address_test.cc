#include "bosen/net/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bosen/base/error.h"

namespace bosen::net {
namespace {

using testing::HasSubstr;

PeerEndpoint peer_on(const std::string& host) { return {3, host, {"tcp://10.0.0.7:4000", "ipc://@bosen-x"}}; }

std::string error_of(const std::string& own_host, const PeerEndpoint& peer, TransportChoice choice, ErrorKind kind) {
  try {
    choose_address(own_host, peer, choice);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

TEST(AddressTest, ChoosesIpcOnTheSameHost) {
  EXPECT_EQ(choose_address("a", peer_on("a"), TransportChoice::kAutomatic), "ipc://@bosen-x");
}

TEST(AddressTest, ChoosesTcpForAnotherHost) {
  EXPECT_EQ(choose_address("a", peer_on("b"), TransportChoice::kAutomatic), "tcp://10.0.0.7:4000");
}

TEST(AddressTest, ChoosesTcpWhereTheHostIsNotKnown) {
  EXPECT_EQ(choose_address("", peer_on(""), TransportChoice::kAutomatic), "tcp://10.0.0.7:4000");
}

TEST(AddressTest, ChoosesTcpWhereThePeerHasNoIpc) {
  const PeerEndpoint peer{3, "a", {"tcp://127.0.0.1:4000"}};
  EXPECT_EQ(choose_address("a", peer, TransportChoice::kAutomatic), "tcp://127.0.0.1:4000");
}

TEST(AddressTest, FollowsAForcedTransport) {
  EXPECT_EQ(choose_address("a", peer_on("a"), TransportChoice::kTcp), "tcp://10.0.0.7:4000");
  EXPECT_EQ(choose_address("a", peer_on("a"), TransportChoice::kIpc), "ipc://@bosen-x");
}

TEST(AddressTest, PrefersTheLastOfAKind) {
  const PeerEndpoint peer{3, "b", {"tcp://10.0.0.7:4000", "tcp://10.1.0.7:4000"}};
  EXPECT_EQ(choose_address("a", peer, TransportChoice::kAutomatic), "tcp://10.1.0.7:4000");
}

TEST(AddressTest, RefusesForcedIpcToAnotherHost) {
  const std::string message = error_of("a", peer_on("b"), TransportChoice::kIpc, ErrorKind::kUsage);
  EXPECT_THAT(message, HasSubstr("rank 3 runs on another host"));
  EXPECT_THAT(message, HasSubstr("choose the transport tcp"));
}

TEST(AddressTest, RefusesATransportThatThePeerDoesNotListenOn) {
  const PeerEndpoint no_ipc{3, "a", {"tcp://127.0.0.1:4000"}};
  const PeerEndpoint no_tcp{3, "a", {"ipc://@x"}};
  EXPECT_THAT(error_of("a", no_ipc, TransportChoice::kIpc, ErrorKind::kNetwork), HasSubstr("does not listen on ipc"));
  EXPECT_THAT(error_of("a", no_tcp, TransportChoice::kTcp, ErrorKind::kNetwork), HasSubstr("does not listen on tcp"));
}

TEST(AddressTest, RefusesALoopbackAddressOfAnotherHost) {
  const PeerEndpoint peer{3, "b", {"tcp://127.0.0.1:4000"}};
  EXPECT_THAT(error_of("a", peer, TransportChoice::kAutomatic, ErrorKind::kNetwork),
              HasSubstr("listens at tcp://127.0.0.1:4000 only"));
}

TEST(AddressTest, FindsWhereAPeersMemoryIs) {
  EXPECT_EQ(shared_memory_of({3, "a", {"tcp://10.0.0.7:4000", "shm://1/2/3", "ipc://@x"}}), "shm://1/2/3");
  EXPECT_THROW(shared_memory_of(peer_on("a")), Error);
}

TEST(AddressTest, KnowsLoopbackAddresses) {
  EXPECT_TRUE(is_loopback("tcp://127.1.2.3:1"));
  EXPECT_TRUE(is_loopback("tcp://[::1]:1"));
  EXPECT_TRUE(is_loopback("tcp://::1:1"));
  EXPECT_TRUE(is_loopback("tcp://localhost:1"));
  EXPECT_FALSE(is_loopback("tcp://10.0.0.7:1"));
  EXPECT_FALSE(is_loopback("tcp://localhost.example.org:1"));
  EXPECT_FALSE(is_loopback("ipc://@x"));
}

TEST(AddressTest, TellsTheSameHostIdentityTwice) {
  EXPECT_FALSE(host_identity().empty());
  EXPECT_EQ(host_identity(), host_identity());
}

}  // namespace
}  // namespace bosen::net
