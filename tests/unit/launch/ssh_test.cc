#include "bosen/launch/ssh.h"

#include <gtest/gtest.h>

#include "bosen/base/error.h"

namespace bosen::launch {
namespace {

Host host(const std::string& name, const std::string& user = "") { return {name, user, 1, "hosts.txt:1:1"}; }

TEST(SshCommandTest, HoldsNothingButOptionsAndTheHost) {
  const std::vector<std::string> command = ssh_command({{"ssh"}, {"Port=2222"}, 8}, host("gnode1", "ann"));
  EXPECT_EQ(command,
            (std::vector<std::string>{"ssh", "-o", "Port=2222", "-o", "BatchMode=yes", "-o", "ConnectTimeout=8", "-o",
                                      "ServerAliveInterval=3", "-o", "ServerAliveCountMax=2", "-T", "-l", "ann", "--",
                                      "gnode1", "exec /bin/sh -s"}));
}

TEST(SshCommandTest, LeavesHostKeyCheckingOn) {
  for (const std::string& word : ssh_command({}, host("gnode1")))
    EXPECT_EQ(word.find("StrictHostKeyChecking"), std::string::npos);
}

TEST(SshSettingsTest, TakesAnotherSshFromTheEnvironment) {
  const auto env = [](const char* name) {
    return std::string_view(name) == "BOSEN_SSH" ? "/opt/ssh  -F config" : nullptr;
  };
  EXPECT_EQ(ssh_settings(env, {}).command, (std::vector<std::string>{"/opt/ssh", "-F", "config"}));
  EXPECT_EQ(ssh_settings([](const char*) { return nullptr; }, {}).command, std::vector<std::string>{"ssh"});
}

TEST(SshSettingsTest, RefusesOptionsThatAreNone) {
  const auto env = [](const char*) { return nullptr; };
  EXPECT_EQ(ssh_settings(env, {"Port=22", "IdentityFile /a b"}).options.size(), 2U);
  for (const char* option : {"", "-v", "Port", "=22"}) EXPECT_THROW(ssh_settings(env, {option}), Error) << option;
}

/// The pieces of `chunks`, reports in <>.
std::string filtered(const std::vector<std::string>& chunks) {
  ReportFilter filter("nonce");
  std::string text;
  for (const std::string& chunk : chunks) {
    for (const ReportFilter::Piece& piece : filter.feed(chunk))
      text += piece.is_report ? "<" + piece.text + ">" : piece.text;
  }
  return text + filter.finish();
}

TEST(ReportFilterTest, TakesReportsOutOfTheStream) {
  EXPECT_EQ(filtered({"noise\n\x1enonce ready\nprogram\npartial\x1enonce exit 3\n"}),
            "noise\n<ready>program\npartial<exit 3>");
}

TEST(ReportFilterTest, FindsReportsHoweverTheBytesAreCut) {
  const std::string stream = "ab\x1e\x1enonce started 7\ncd\x1enonsense\nef\x1enonce exit 0\n";
  const std::string expected = "ab\x1e<started 7>cd\x1enonsense\nef<exit 0>";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut)
    EXPECT_EQ(filtered({stream.substr(0, cut), stream.substr(cut)}), expected);
  std::vector<std::string> bytes;
  for (const char c : stream) bytes.emplace_back(1, c);
  EXPECT_EQ(filtered(bytes), expected);
}

TEST(ReportFilterTest, PassesOnWhatOnlyLooksLikeAReport) {
  EXPECT_EQ(filtered({"\x1eother ready\n"}), "\x1eother ready\n");
  EXPECT_EQ(filtered({"tail\x1enonce unfinished"}), "tail\x1enonce unfinished");
  const std::string endless = "\x1enonce " + std::string(100000, 'x');
  EXPECT_EQ(filtered({endless}), endless);
}

TEST(SshFailureTest, SaysWhatIsWrongAndHowToMendIt) {
  const auto explained = [](std::string_view output) { return explain_ssh_failure({}, host("gnode1"), output, 255); };
  EXPECT_EQ(explained("Warning: banner\nann@gnode1: Permission denied (publickey).\r\n"),
            "hosts.txt:1:1: host 'gnode1': ssh does not let you in without a password: make a key with `ssh-keygen` "
            "and install it with "
            "`ssh-copy-id gnode1` (ssh says: ann@gnode1: Permission denied (publickey).)");
  EXPECT_NE(explained("Host key verification failed.\n").find("run `ssh gnode1 true` once by hand"), std::string::npos);
  EXPECT_NE(explained("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.")
                .find("ssh-keygen -R gnode1"),
            std::string::npos);
  EXPECT_NE(explained("ssh: connect to host gnode1 port 22: Connection refused").find("no ssh server answers"),
            std::string::npos);
  EXPECT_NE(explained("ssh: connect to host gnode1 port 22: No route to host").find("cannot be reached"),
            std::string::npos);
  EXPECT_NE(explained("ssh: connect to host gnode1 port 22: Connection timed out").find("cannot be reached"),
            std::string::npos);
  EXPECT_NE(explained("").find("ended with code 255 and no message"), std::string::npos);
  EXPECT_NE(explained("something new\n").find("ssh ended with code 255: something new"), std::string::npos);
}

TEST(SshFailureTest, NamesCommandsThatLogInAsWeDo) {
  const SshSettings settings{{"/opt/my ssh", "-F", "config"}, {"Port=2222", "IdentityFile=/a b"}, 8};
  const auto explained = [&](std::string_view output) {
    return explain_ssh_failure(settings, host("gnode1", "ann"), output, 255);
  };
  const std::string by_hand = "`'/opt/my ssh' -F config -o Port=2222 -o 'IdentityFile=/a b' ann@gnode1 true`";
  EXPECT_NE(
      explained("Permission denied (publickey).").find("`ssh-copy-id -o Port=2222 -o 'IdentityFile=/a b' ann@gnode1`"),
      std::string::npos);
  EXPECT_NE(explained("Host key verification failed.").find("run " + by_hand + " once by hand"), std::string::npos);
  EXPECT_NE(explained("").find("see what " + by_hand + " says"), std::string::npos);
}

}  // namespace
}  // namespace bosen::launch
