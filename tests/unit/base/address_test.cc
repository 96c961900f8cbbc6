#include "bosen/base/address.h"

#include <gtest/gtest.h>

namespace bosen {
namespace {

TEST(AddressTest, ReadsNamesAndBothKindsOfAddresses) {
  for (const char* text : {"gnode2:5000", "10.0.0.1:80", "[::1]:5000", "[fe80::1%eth0]:1"}) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), text);
  }
}

TEST(AddressTest, RefusesWhatIsNotHostAndPort) {
  for (const char* text : {"", ":", "host", "host:", ":80", "host:0", "host:65536", "host:-1", "host:8o", "::1:80",
                           "[host]:80", "[::1:80", "a b:80", "-o:80", "h\n:80"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(AddressTest, TakesPortZeroOnlyToListen) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:0")->port, 0);
  EXPECT_EQ(to_string(*parse_listen_address("[::]:9000")), "[::]:9000");
  EXPECT_FALSE(parse_listen_address("127.0.0.1"));
}

TEST(AddressTest, TakesNoHostThatAShellOrAProgramCouldMisread) {
  for (const char* name : {"", "-v", "a;b", "a b", "$(id)", "a'b", "host\n"}) EXPECT_FALSE(is_host_name(name)) << name;
  EXPECT_FALSE(is_host_name(std::string(1000, 'a')));
}

}  // namespace
}  // namespace bosen
