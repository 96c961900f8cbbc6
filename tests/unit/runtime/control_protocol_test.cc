#include "bosen/runtime/control_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace bosen::runtime {
namespace {

Member some_member() { return {3, "node7", "boot-id", 4242, "1.2.3", 4, 2, {"tcp://10.0.0.7:5000", "ipc:///tmp/x"}}; }

std::vector<ControlMessage> one_of_each() {
  return {Hello{"token", 8, 2, some_member(), true},
          MemberEntry{some_member()},
          Start{1},
          Heartbeat{},
          Waiting{"for rank 2"},
          Status{R"({"rank": 3})"},
          Done{},
          Released{},
          Abort{ErrorKind::kData, "out of memory"},
          Failed{ErrorKind::kTimeout, "rank 2 is missing"}};
}

/// The line without its end.
std::string line_of(const ControlMessage& message) {
  std::string line = encode(message);
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  return line;
}

TEST(ControlProtocolTest, EveryMessageIsReadAsItWasWritten) {
  for (const ControlMessage& message : one_of_each()) {
    const std::string line = line_of(message);
    const auto read = decode(line);
    ASSERT_TRUE(read) << line;
    EXPECT_TRUE(*read == message) << line << " was read as " << line_of(*read);
  }
}

TEST(ControlProtocolTest, ALineStaysALineWhateverItsText) {
  for (const std::string& cause : {std::string("first\nsecond\r\n\0third", 20), std::string(100'000, 'x'),
                                   std::string("\xff\xfe invalid \xc3"), std::string(100'000, '\xff')}) {
    const std::string line = line_of(Abort{ErrorKind::kPeerLost, cause});
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_LT(line.size(), kControlLineBytesMax);
    EXPECT_TRUE(decode(line)) << line.substr(0, 100);
  }
}

TEST(ControlProtocolTest, ACutTextEndsWithAWholeCharacter) {
  const std::string euro = "\xe2\x82\xac";
  std::string text;
  while (text.size() < 2 * kControlTextBytesMax) text += euro;
  const std::string cut = one_line(text);
  EXPECT_LE(cut.size(), kControlTextBytesMax);
  EXPECT_EQ(cut.size() % euro.size(), 0U);
}

TEST(ControlProtocolTest, TheLargestMemberFitsIntoALine) {
  Member member = some_member();
  member.host.assign(kMemberTextBytesMax, '"');
  member.machine = member.version = member.host;
  member.addresses.assign(kMemberAddressesMax, std::string(kMemberAddressBytesMax, '\\'));
  EXPECT_EQ(problem_of(member), std::nullopt);
  EXPECT_TRUE(decode(line_of(Hello{member.host, 1, 0, member, true})));
}

TEST(ControlProtocolTest, MembersBeyondTheLimitsAreNamed) {
  const auto problem = [](auto change) {
    Member member = some_member();
    change(member);
    return problem_of(member).value_or("none");
  };
  EXPECT_EQ(problem([](Member&) {}), "none");
  EXPECT_EQ(problem([](Member& m) { m.workers = 251; }), "it has 251 workers, but a process has 0 to 250");
  EXPECT_EQ(problem([](Member& m) { m.workers = -1; }), "it has -1 workers, but a process has 0 to 250");
  EXPECT_EQ(problem([](Member& m) { m.shards = 257; }), "it has 257 shards, but a process has 0 to 256");
  EXPECT_EQ(problem([](Member& m) { m.host = "a\nb"; }),
            "its host name is longer than 512 bytes or has control characters");
  EXPECT_EQ(problem([](Member& m) { m.addresses.resize(17); }), "it has more than 16 addresses");
}

TEST(ControlProtocolTest, WhatIsNoMessageIsNotRead) {
  for (const std::string& line :
       {std::string(), std::string("GET / HTTP/1.1"), std::string("{}"), std::string("[]"), std::string("\"hello\""),
        std::string(R"({"type":"unknown"})"), std::string(R"({"type":7})"), std::string(R"({"type":"start"})"),
        std::string(R"({"type":"start","epoch":"1"})"), std::string(R"({"type":"start","epoch":1.5})"),
        std::string(R"({"type":"start","epoch":18446744073709551615})"), std::string(R"({"type":"abort"})"),
        std::string(R"({"type":"failed","kind":"odd","cause":"x"})"), std::string(R"({"type":"member","rank":0})"),
        std::string(R"({"type":"start","epoch":1} trailing)"), std::string(60'000, '['),
        R"({"type":"abort","cause":")" + std::string(kControlLineBytesMax, 'x') + "\"}"}) {
    EXPECT_FALSE(decode(line)) << line.substr(0, 100);
  }
}

TEST(ControlProtocolTest, NumbersOutOfRangeMakeAHelloIncomplete) {
  std::string line = line_of(Hello{"token", 8, 0, some_member(), true});
  const std::string shards = "\"shards\":2";
  line.replace(line.find(shards), shards.size(), "\"shards\":4294967298");
  const auto read = decode(line);
  ASSERT_TRUE(read);
  EXPECT_FALSE(std::get<Hello>(*read).complete);
}

TEST(ControlProtocolTest, AnotherVersionsHelloStillTellsWhoItIs) {
  const auto read = decode(
      R"({"type":"hello","job":"token","rank":3,"host":"node7","pid":4242,"version":"9.0.0","workers":"many","new":1})");
  ASSERT_TRUE(read);
  const auto& hello = std::get<Hello>(*read);
  EXPECT_FALSE(hello.complete);
  EXPECT_EQ(hello.member.version, "9.0.0");
  EXPECT_EQ(describe(hello.member), "rank 3 (host node7, pid 4242)");
}

TEST(ControlProtocolTest, MutatedLinesNeverCrash) {
  std::mt19937 random(7);
  const std::vector<ControlMessage> messages = one_of_each();
  int read = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string line = line_of(messages[random() % messages.size()]);
    for (unsigned changes = random() % 4; changes > 0; --changes) {
      line[random() % line.size()] = static_cast<char>(random() % 256);
    }
    if (random() % 8 == 0) line.resize(random() % line.size());
    const auto message = decode(line);
    if (!message) continue;
    ++read;
    std::string again = encode(*message);
    again.pop_back();
    EXPECT_TRUE(decode(again)) << line;
  }
  EXPECT_GT(read, 1000);
}

TEST(ControlProtocolTest, TimesAreShort) {
  EXPECT_EQ(seconds_text(300'000'000), "0.3 s");
  EXPECT_EQ(seconds_text(1'500'000'000), "1.5 s");
  EXPECT_EQ(seconds_text(60'000'000'000), "60 s");
  EXPECT_EQ(seconds_text(3'600'000'000'000), "3600 s");
}

}  // namespace
}  // namespace bosen::runtime
