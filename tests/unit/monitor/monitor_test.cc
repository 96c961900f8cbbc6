#include "bosen/monitor/monitor.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/monitor/http_client.h"

namespace bosen::monitor {
namespace {

constexpr int kPatienceS = 60;

TEST(MonitorAddressTest, IsThisHostAloneUnlessAnotherIsNamed) {
  const auto text = [](const char* address) {
    const auto parsed = parse_monitor_address(address);
    return parsed ? to_string(*parsed) : "none";
  };
  EXPECT_EQ(text("9000"), "127.0.0.1:9000");
  EXPECT_EQ(text("0"), "127.0.0.1:0");
  EXPECT_EQ(text("0.0.0.0:9000"), "0.0.0.0:9000");
  EXPECT_EQ(text("[::1]:9000"), "[::1]:9000");
  EXPECT_EQ(text("node7"), "node7:8780");
  for (const char* wrong : {"", "70000", ":", "a:b", "a b", "-x", "1.2.3.4:", "9000 "})
    EXPECT_EQ(text(wrong), "none") << wrong;
}

class MonitorTest : public ::testing::Test {
 protected:
  HttpResponse get(const std::string& path) { return http_get(monitor_.address(), path, kPatienceS); }

  StatusBoard board_{"mf", 0};
  Monitor monitor_{{"127.0.0.1", 0}, board_, [] { return std::int64_t{5}; }};
};

TEST_F(MonitorTest, IsReadyWhileTheJobRuns) {
  EXPECT_EQ(get("/healthz").code, 200);
  EXPECT_EQ(get("/readyz").code, 503);
  board_.job_runs(1);
  EXPECT_EQ(get("/readyz").code, 200);
  board_.job_ends();
  EXPECT_EQ(get("/readyz").code, 503);
}

TEST_F(MonitorTest, ServesEachFormWithItsType) {
  EXPECT_EQ(get("/").type, "text/html; charset=utf-8");
  EXPECT_NE(get("/").body.find("</html>"), std::string::npos);
  EXPECT_EQ(get("/api/status").type, "application/json");
  EXPECT_EQ(get("/metrics").type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(get("/metrics?x=1").code, 200);
}

TEST_F(MonitorTest, NamesWhatThereIsWhereThereIsNothing) {
  const HttpResponse response = get("/secret");
  EXPECT_EQ(response.code, 404);
  EXPECT_NE(response.body.find("/api/status"), std::string::npos);
}

TEST_F(MonitorTest, AnswersManyAtOnce) {
  std::vector<std::jthread> readers;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([this] {
      for (int j = 0; j < 20; ++j) EXPECT_EQ(get("/api/status").code, 200);
    });
  }
  for (Clock clock = 0; clock < 200; ++clock) {
    board_.update({.rank = 0, .workers = {{.worker = 0, .clock = clock}}}, clock);
  }
}

TEST_F(MonitorTest, WhoConnectsAndSaysNothingTakesNoFilesFromTheApp) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(monitor_.address().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  constexpr std::size_t kMany = 200;
  std::vector<int> silent;
  for (std::size_t i = 0; i < kMany; ++i) {
    silent.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::connect(silent.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_EQ(get("/healthz").code, 200) << "it has been let in after all of them";
  std::size_t hung_up = 0;
  for (const int socket : silent) {
    char byte = 0;
    if (::recv(socket, &byte, 1, MSG_DONTWAIT) == 0) ++hung_up;
    ::close(socket);
  }
  EXPECT_GE(hung_up, kMany + 1 - kConnectionsMax);
}

TEST(MonitorHostTest, ARequestIsForThisHostByAddressOrKnownName) {
  for (const char* host : {"127.0.0.1", "10.1.2.3", "[::1]", "[fe80::1]", "localhost", "LocalHost", "Node7"}) {
    EXPECT_TRUE(is_for_this_host(host, "node7")) << host;
  }
  for (const char* host :
       {"evil.example", "127.0.0.1.evil.example", "node8", "::1", "", "[]", "[node7", "localhost."}) {
    EXPECT_FALSE(is_for_this_host(host, "node7")) << host;
  }
}

TEST_F(MonitorTest, SaysThatAPortIsTaken) {
  try {
    const Monitor second(monitor_.address(), board_, [] { return std::int64_t{0}; });
    FAIL() << "two servers at one port";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("cannot listen at 127.0.0.1:"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("Address already in use"), std::string::npos) << error.what();
  }
}

TEST(HttpClientTest, SaysWhereNobodyAnswers) {
  Address free;
  {
    const StatusBoard board("mf", 0);
    free = Monitor({"127.0.0.1", 0}, board, [] { return std::int64_t{0}; }).address();
  }
  EXPECT_THROW(http_get(free, "/healthz", kPatienceS), Error);
}

}  // namespace
}  // namespace bosen::monitor
