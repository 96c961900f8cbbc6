#include "bosen/launch/hostfile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include "bosen/base/error.h"
#include "tests/support/error_message.h"

namespace bosen::launch {
namespace {

/// "h1:2 h2:1": name and slots of each host.
std::string shown(const std::vector<Host>& hosts) {
  std::string text;
  for (const Host& host : hosts) text += (text.empty() ? "" : " ") + host.name + ":" + std::to_string(host.slots);
  return text;
}

std::string parsed(std::string_view text) { return shown(parse_hostfile(text, "hosts.txt")); }

/// The message of the error that `text` causes.
std::string error_of(std::string_view text) {
  try {
    parse_hostfile(text, "hosts.txt");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    return error.what();
  }
  ADD_FAILURE() << "no error in: " << text;
  return {};
}

std::string list_error_of(std::string_view list) {
  try {
    parse_host_list(list);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  ADD_FAILURE() << "no error in: " << list;
  return {};
}

TEST(HostfileTest, ReadsPlainHosts) {
  EXPECT_EQ(parsed("gnode1\n10.0.0.2\nnode-3.example.org\n"), "gnode1:1 10.0.0.2:1 node-3.example.org:1");
}

TEST(HostfileTest, ReadsHostAndSlots) { EXPECT_EQ(parsed("gnode1:4\n10.0.0.2:16"), "gnode1:4 10.0.0.2:16"); }

TEST(HostfileTest, ReadsOpenMpisForm) {
  EXPECT_EQ(parsed("gnode1 slots=4\ngnode2 slots=2 max_slots=8\ngnode3 max-slots=3\ngnode4 slots = 5\n"),
            "gnode1:4 gnode2:2 gnode3:1 gnode4:5");
}

TEST(HostfileTest, ReadsPetuumsFormInTheOrderOfIds) {
  EXPECT_EQ(parsed("1 10.0.0.2 9999\n0 10.0.0.1 9999\n2 gnode3 10000\n"), "10.0.0.1:1 10.0.0.2:1 gnode3:1");
}

TEST(HostfileTest, AHostOfSeveralPetuumLinesHasAsManySlots) {
  EXPECT_EQ(parsed("0 10.0.0.1 9999\n1 10.0.0.1 10999\n1000 10.0.0.2 9999\n"), "10.0.0.1:2 10.0.0.2:1");
}

TEST(HostfileTest, TellsTheFormOfEachLine) {
  EXPECT_EQ(parsed("gnode1 slots=2\ngnode2:3\ngnode3\n7 gnode4 9999\n[::1]:2\n"),
            "gnode1:2 gnode2:3 gnode3:1 gnode4:1 ::1:2");
}

TEST(HostfileTest, ReadsIpv6InBrackets) {
  EXPECT_EQ(parsed("[::1]\n[fe80::2%eth0]:3\n[2001:db8::7] slots=2\n"), "::1:1 fe80::2%eth0:3 2001:db8::7:2");
}

TEST(HostfileTest, SkipsCommentsAndBlankLines) {
  EXPECT_EQ(parsed("# the cluster\n\n  gnode1:2   # first\n\t\n#gnode2\n   \n"), "gnode1:2");
}

TEST(HostfileTest, ATrailingBlankLineIsNothing) { EXPECT_EQ(parsed("0 10.0.0.1 9999\n\n"), "10.0.0.1:1"); }

TEST(HostfileTest, ReadsDosLineEndsAndAByteOrderMark) {
  EXPECT_EQ(parsed("\xef\xbb\xbfgnode1 slots=2\r\ngnode2:3\r\n\r\n0 gnode3 9999\r\n"), "gnode1:2 gnode2:3 gnode3:1");
}

TEST(HostfileTest, TakesAUserInFrontOfTheHost) {
  const std::vector<Host> hosts = parse_hostfile("ann@gnode1:2\nbob@[::1] slots=3\n", "hosts.txt");
  EXPECT_EQ(hosts[0].user, "ann");
  EXPECT_EQ(hosts[1].user, "bob");
  EXPECT_EQ(shown(hosts), "gnode1:2 ::1:3");
}

TEST(HostfileTest, RemembersWhereEachHostStands) {
  const std::vector<Host> hosts = parse_hostfile("\n  gnode1\n0 gnode2 99\n", "hosts.txt");
  EXPECT_EQ(hosts[0].where, "hosts.txt:2:3");
  EXPECT_EQ(hosts[1].where, "hosts.txt:3:3");
}

struct Malformed {
  const char* text;
  const char* place;    ///< line:column of the error
  const char* message;  ///< part of the error
};

class MalformedHostfileTest : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedHostfileTest, IsReportedWithLineAndColumn) {
  const std::string error = error_of(GetParam().text);
  EXPECT_TRUE(error.starts_with(std::string("hosts.txt:") + GetParam().place + ": ")) << error;
  EXPECT_NE(error.find(GetParam().message), std::string::npos) << error;
}

INSTANTIATE_TEST_SUITE_P(
    Forms, MalformedHostfileTest,
    testing::Values(
        Malformed{"", "1:1", "names no host"}, Malformed{"# nothing\n\n", "1:1", "names no host"},
        Malformed{"gnode1:x\n", "1:8", "'x' is not a number of slots"},
        Malformed{"gnode1:\n", "1:8", "'' is not a number of slots"}, Malformed{"gnode1:0\n", "1:8", "from 1 to"},
        Malformed{"gnode1:-2\n", "1:8", "from 1 to"}, Malformed{"gnode1:99999999999\n", "1:8", "from 1 to"},
        Malformed{"\ngnode1 slots=two\n", "2:14", "'two' is not a number of slots"},
        Malformed{"gnode1 slots=\n", "1:13", "expected a number after 'slots='"},
        Malformed{"gnode1 slots 4\n", "1:8", "expected 'slots=N'"},
        Malformed{"gnode1 slot=4\n", "1:8", "did you mean 'slots'?"},
        Malformed{"gnode1 gnode2\n", "1:8", "'gnode2' is not known here"},
        Malformed{"gnode1:2 slots=2\n", "1:10", "given twice"},
        Malformed{"gnode1 slots=2 slots=2\n", "1:16", "given twice"},
        Malformed{"[::1]:2 slots=2\n", "1:9", "given twice"}, Malformed{"::1\n", "1:1", "write it in brackets"},
        Malformed{"fe80::1:2\n", "1:1", "write it in brackets"}, Malformed{"[::1\n", "1:1", "not closed"},
        Malformed{"[::1]2\n", "1:6", "expected ':'"}, Malformed{"[gnode1]\n", "1:2", "is not a host's name"},
        Malformed{"[]\n", "1:2", "is not a host's name"}, Malformed{":2\n", "1:1", "is not a host's name"},
        Malformed{"gnode1\n  -oProxyCommand=x\n", "2:3", "is not a host's name"},
        Malformed{"gnode;reboot\n", "1:1", "is not a host's name"},
        Malformed{"$(reboot)\n", "1:1", "is not a host's name"}, Malformed{"@gnode1\n", "1:1", "is not a user's name"},
        Malformed{"a b@c\n", "1:3", "is not known here"}, Malformed{"-l@gnode1\n", "1:1", "is not a user's name"},
        Malformed{"0\n", "1:1", "ID HOST PORT"}, Malformed{"0 10.0.0.1\n", "1:3", "ends early"},
        Malformed{"0 10.0.0.1 9999 x\n", "1:17", "goes on"},
        Malformed{"0 10.0.0.1 port\n", "1:12", "'port' is not a port"},
        Malformed{"0 10.0.0.1 65536\n", "1:12", "is not a port"},
        Malformed{"0 10.0.0.1:2 9999\n", "1:3", "without slots"},
        Malformed{"0 a 99\n0 b 99\n", "2:1", "the id 0 stands on line 1 already"},
        Malformed{"99999999999999999999 a 99\n", "1:1", "too large"},
        Malformed{"gnode1\ngnode2\n gnode1:3\n", "3:2", "listed twice, first on line 1"},
        Malformed{"gnode1\n0 gnode1 9999\n", "2:3", "listed twice"}));

TEST(HostfileTest, SaysHowToMendADuplicate) {
  EXPECT_NE(error_of("gnode1:2\ngnode1:3\n").find("write 'gnode1 slots=5'"), std::string::npos);
}

TEST(HostfileTest, SurvivesRandomBytes) {
  std::mt19937 random(7);
  const std::string model = "gnode1 slots=2\n0 10.0.0.1 9999\n[::1]:2 # comment\r\nann@h:3\n";
  for (int round = 0; round < 20000; ++round) {
    std::string text = model.substr(0, random() % (model.size() + 1));
    for (int change = 0; change < round % 6 && !text.empty(); ++change)
      text[random() % text.size()] = static_cast<char>(random());
    try {
      for (const Host& host : parse_hostfile(text, "hosts.txt")) EXPECT_GE(host.slots, 1);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("hosts.txt:"), std::string::npos);
    }
  }
}

TEST(HostListTest, ReadsHostsSlotsAndIpv6) {
  EXPECT_EQ(shown(parse_host_list("h1:2,h2,[::1]:4,ann@h3")), "h1:2 h2:1 ::1:4 h3:1");
}

TEST(HostListTest, SaysTheColumnOfWhatIsWrong) {
  EXPECT_TRUE(list_error_of("").starts_with("-H:1: expected a host"));
  EXPECT_TRUE(list_error_of("h1:2,").starts_with("-H:6: expected a host"));
  EXPECT_TRUE(list_error_of("h1:2,,h2").starts_with("-H:6: expected a host"));
  EXPECT_TRUE(list_error_of("h1,h2:x").starts_with("-H:7: 'x' is not a number"));
  EXPECT_TRUE(list_error_of("h1,h 2").starts_with("-H:4: 'h 2' is not a host"));
}

TEST(HostListTest, RefusesDuplicatesAndSaysHowToMendThem) {
  EXPECT_EQ(list_error_of("h1:2,h2,h1"), "-H:9: the host 'h1' is listed twice: write h1:3 once");
}

TEST(HostfileTest, ReadsTheExamples) {
  const std::map<std::string, std::string> expected = {
      {"petuum.txt", "10.0.0.11:1 10.0.0.12:1 10.0.0.13:1"},
      {"plain.txt", "gnode1:1 gnode2:1 10.0.0.13:1 fd00::14:1"},
      {"slots.txt", "gnode1:4 gnode2:4 gnode3:2 gnode4:2"},
  };
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(BOSEN_SOURCE_FOLDER "/config/hostfiles")) {
    found[entry.path().filename()] = shown(read_hostfile(entry.path()));
  }
  EXPECT_EQ(found, expected);
}

TEST(HostfileTest, NothingElseIsMeantWhereTheFolderIsThere) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "hostfile_folder";
  std::filesystem::create_directories(folder / "hosts");
  std::ofstream(folder / "hosts1") << "localhost\n";
  const std::string path = (folder / "hosts").string();
  EXPECT_EQ(error_message([&] { read_hostfile(path); }), "cannot read the hostfile '" + path + "': it is a folder");
  std::filesystem::remove_all(folder);
}

TEST(HostfileTest, AMissingFileIsAnErrorThatNamesIt) {
  try {
    read_hostfile("/nonexistent/hosts.txt");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "cannot read the hostfile '/nonexistent/hosts.txt': No such file or directory");
  }
}

}  // namespace
}  // namespace bosen::launch
