#include "bosen/launch/preflight.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/launch/greeter.h"
#include "bosen/launch/preflight_agent.h"

namespace bosen::launch {
namespace {

HostReport report(const std::string& name, int slots) {
  HostReport report;
  report.host = {name, "", slots, "hosts.txt:1:1"};
  return report;
}

TEST(PreflightTableTest, HasALineForEachHost) {
  HostReport good = report("gnode1", 4);
  good.connected = true;
  good.ports_open = true;
  good.version = "0.1.0";
  good.latency_s = 0.000123;
  good.skew_s = -0.0025;
  HostReport old = report("gnode2", 2);
  old.connected = true;
  old.version = "0.0.1";
  HostReport bare = report("gnode3", 1);
  bare.connected = true;
  HostReport closed = good;
  closed.host.name = "gnode4";
  closed.ports_open = false;
  HostReport here = report("localhost", 2);
  here.local = here.connected = true;
  here.ports_open = true;
  here.version = "0.1.0";
  EXPECT_EQ(format_table({good, old, bare, closed, report("gone", 1), here}),
            "host       slots  ssh     bosen     ports       latency       clock\n"
            "gnode1         4  ok      0.1.0     ok          0.12 ms     -2.5 ms\n"
            "gnode2         2  ok      0.0.1     -                 -           -\n"
            "gnode3         1  ok      FAILED    -                 -           -\n"
            "gnode4         4  ok      0.1.0     FAILED      0.12 ms     -2.5 ms\n"
            "gone           1  FAILED  -         -                 -           -\n"
            "localhost      2  here    0.1.0     ok                -           -\n");
}

TEST(PreflightAgentTest, TellsTheTime) {
  EXPECT_TRUE(answer_as_agent("time").starts_with("time 1"));
  EXPECT_TRUE(answer_as_agent("time\r").starts_with("time 1"));
}

TEST(PreflightAgentTest, ReachesAGreeter) {
  const Greeter greeter;
  const std::string address = "127.0.0.1:" + std::to_string(greeter.port());
  EXPECT_TRUE(answer_as_agent("connect " + address + " " + greeter.token()).starts_with("reached " + address + " "));
}

TEST(PreflightAgentTest, SaysWhenSomebodyElseAnswers) {
  const Greeter greeter;
  const std::string address = "127.0.0.1:" + std::to_string(greeter.port());
  EXPECT_EQ(answer_as_agent("connect " + address + " another"),
            "unreached " + address + " something else answers at " + address);
}

TEST(PreflightAgentTest, SaysWhyNobodyAnswers) {
  const std::string address = "127.0.0.1:" + std::to_string(listen_tcp(ListenOn::kLoopback).port);
  EXPECT_EQ(answer_as_agent("connect " + address + " token"),
            "unreached " + address + " cannot connect to " + address + ": Connection refused");
}

TEST(PreflightAgentTest, IgnoresWhatIsNoCommand) {
  for (const char* line : {"", " ", "times", "time now", "connect", "connect a:1", "connect a:1 b c", "\xff\x01"}) {
    EXPECT_EQ(answer_as_agent(line), "") << line;
  }
  EXPECT_TRUE(answer_as_agent("connect nowhere token").starts_with("unreached nowhere this is not HOST:PORT"));
}

TEST(PreflightAgentTest, WaitsForOneConnectionWhileItTriesAnother) {
  const Greeter greeter;
  Listener silent = listen_tcp(ListenOn::kLoopback);
  const std::string good = "127.0.0.1:" + std::to_string(greeter.port());
  const std::string bad = "127.0.0.1:" + std::to_string(silent.port);
  std::istringstream lines("connect " + bad + " token\nconnect " + good + " " + greeter.token() + "\n");
  std::vector<std::string> reports;
  answer_side_by_side(lines, [&](const std::string& report) {
    reports.push_back(report);
    silent.fd.reset();  // which ends the connections that wait there
  });
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_TRUE(reports[0].starts_with("reached " + good)) << reports[0];
  EXPECT_TRUE(reports[1].starts_with("unreached " + bad)) << reports[1];
}

TEST(GreeterTest, GreetsManyOneAfterTheOther) {
  const Greeter greeter;
  for (int i = 0; i < 50; ++i) {
    EXPECT_GE(greet({"127.0.0.1", greeter.port()}, greeter.token(), deadline_after(20)), 0);
  }
}

}  // namespace
}  // namespace bosen::launch
