#include "bosen/base/shell.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace bosen {
namespace {

/// What /bin/sh writes to stdout for a command.
std::string run_shell(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  std::string output;
  std::array<char, 4096> chunk{};
  for (std::size_t got = 1; got > 0;) {
    got = std::fread(chunk.data(), 1, chunk.size(), pipe.get());
    output.append(chunk.data(), got);
  }
  return output;
}

/// Texts that a shell would take apart, expand or run.
std::vector<std::string> awkward_texts() {
  return {"",
          "a b",
          "it's",
          "$(touch /tmp/x) `id` $HOME",
          "line\nbreak\ttab\\n",
          "''\"\"\\",
          "-n",
          "*?[a]~",
          "~/x",
          "#x",
          "{a,b}",
          "\xff\xfe\x01"};
}

TEST(ShellTest, AShellReadsBackWhatWasQuoted) {
  for (const std::string& text : awkward_texts()) {
    EXPECT_EQ(run_shell("printf %s. " + shell_quote(text)), text + ".") << text;
    EXPECT_EQ(run_shell("printf %s. " + shell_word(text)), text + ".") << text;
  }
}

TEST(ShellTest, QuotesForAPersonOnlyWhatNeedsIt) {
  for (const char* text : {"/data/fashion-mnist", "ann@gnode1:2,localhost", "Port=2222", "a_b.%c+d"}) {
    EXPECT_EQ(shell_word(text), text);
  }
  EXPECT_EQ(shell_word("a b/c d"), "'a b/c d'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace bosen
