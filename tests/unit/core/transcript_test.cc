// Runs the transcripts in tests/scripts. With BOSEN_REWRITE_TRANSCRIPTS=1 in the environment it writes what happens
// into them instead of comparing.

#include "tests/support/transcript.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace bosen::testing {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> transcripts() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(fs::path(BOSEN_SOURCE_FOLDER) / "tests/scripts")) {
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

// What is between the first and the last line that differ, with some lines before.
std::string difference(const std::string& expected, const std::string& actual) {
  const std::vector<std::string> old_lines = lines(expected);
  const std::vector<std::string> new_lines = lines(actual);
  const auto first = std::mismatch(old_lines.begin(), old_lines.end(), new_lines.begin(), new_lines.end());
  const auto begin = first.first - old_lines.begin();
  const auto last =
      std::mismatch(old_lines.rbegin(), old_lines.rend() - begin, new_lines.rbegin(), new_lines.rend() - begin);
  std::string text;
  for (auto at = first.first - std::min<std::ptrdiff_t>(begin, 4); at != first.first; ++at) text += "  " + *at + "\n";
  for (auto at = first.first; at != last.first.base(); ++at) text += "- " + *at + "\n";
  for (auto at = first.second; at != last.second.base(); ++at) text += "+ " + *at + "\n";
  return text;
}

class TranscriptTest : public ::testing::TestWithParam<fs::path> {};

TEST_P(TranscriptTest, HappensAsWritten) {
  const std::string expected = content(GetParam());
  const std::string actual = Transcript::run(expected);
  if (std::getenv("BOSEN_REWRITE_TRANSCRIPTS") != nullptr) {
    std::ofstream(GetParam()) << actual;
    GTEST_SKIP() << "rewrote " << GetParam();
  }
  EXPECT_TRUE(expected == actual) << GetParam().string() << ", - expected, + happens:\n"
                                  << difference(expected, actual)
                                  << "BOSEN_REWRITE_TRANSCRIPTS=1 writes into it what happens";
}

INSTANTIATE_TEST_SUITE_P(Scripts, TranscriptTest, ::testing::ValuesIn(transcripts()),
                         [](const ::testing::TestParamInfo<fs::path>& script) { return script.param.stem().string(); });

}  // namespace
}  // namespace bosen::testing
