#include "bosen/launch/output_mux.h"

#include <gtest/gtest.h>

#include <random>

#include "bosen/launch/limits.h"

namespace bosen::launch {
namespace {

TEST(OutputMuxTest, TagsEveryLineWithItsRank) {
  OutputMux mux(2, {});
  EXPECT_EQ(mux.feed(0, Stream::kOut, "one\ntwo\n"), "[0] one\n[0] two\n");
  EXPECT_EQ(mux.feed(1, Stream::kErr, "three\n"), "[1] three\n");
}

TEST(OutputMuxTest, KeepsALineUntilItIsWhole) {
  OutputMux mux(2, {});
  EXPECT_EQ(mux.feed(0, Stream::kOut, "be"), "");
  EXPECT_EQ(mux.feed(1, Stream::kOut, "between\n"), "[1] between\n");
  EXPECT_EQ(mux.feed(0, Stream::kOut, "gun\nand"), "[0] begun\n");
  EXPECT_EQ(mux.feed(0, Stream::kOut, "\n"), "[0] and\n");
}

TEST(OutputMuxTest, KeepsTheStreamsOfARankApart) {
  OutputMux mux(1, {});
  EXPECT_EQ(mux.feed(0, Stream::kOut, "out"), "");
  EXPECT_EQ(mux.feed(0, Stream::kErr, "err\n"), "[0] err\n");
  EXPECT_EQ(mux.feed(0, Stream::kOut, "\n"), "[0] out\n");
}

TEST(OutputMuxTest, EndsTheLastLineWhenTheRankDidNot) {
  OutputMux mux(1, {});
  EXPECT_EQ(mux.feed(0, Stream::kOut, "no end"), "");
  EXPECT_EQ(mux.finish(0, Stream::kOut), "[0] no end\n");
  EXPECT_EQ(mux.finish(0, Stream::kOut), "");
}

TEST(OutputMuxTest, KeepsEmptyLinesAndStrangeBytes) {
  OutputMux mux(1, {});
  EXPECT_EQ(mux.feed(0, Stream::kOut, std::string_view("\n\0\xff\r\n", 5)), std::string("[0] \n[0] \0\xff\r\n", 13));
}

TEST(OutputMuxTest, CutsALineThatNeverEnds) {
  OutputMux mux(1, {});
  const std::string text = mux.feed(0, Stream::kOut, std::string(kMaxOutputLine + 10, 'x'));
  EXPECT_EQ(text, "[0] " + std::string(kMaxOutputLine, 'x') + "\n");
  EXPECT_EQ(mux.finish(0, Stream::kOut), "[0] " + std::string(10, 'x') + "\n");
}

TEST(OutputMuxTest, ColoursTheTagOnlyWhereAsked) {
  OutputMux mux(8, {.out = true, .err = false});
  EXPECT_EQ(mux.feed(1, Stream::kOut, "a\n"), "\x1b[33m[1]\x1b[0m a\n");
  EXPECT_EQ(mux.feed(1, Stream::kErr, "a\n"), "[1] a\n");
  EXPECT_NE(mux.feed(2, Stream::kOut, "a\n").substr(0, 5), mux.feed(1, Stream::kOut, "a\n").substr(0, 5));
}

TEST(OutputMuxTest, LosesNothingHoweverTheBytesAreCut) {
  std::mt19937 random(3);
  std::string written;
  std::string expected;
  for (int line = 0; line < 200; ++line) {
    const std::string text(random() % 100, static_cast<char>('a' + line % 26));
    written += text + "\n";
    expected += "[0] " + text + "\n";
  }
  for (int round = 0; round < 50; ++round) {
    OutputMux mux(1, {});
    std::string seen;
    for (std::string_view rest = written; !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(random() % 64 + 1, rest.size());
      seen += mux.feed(0, Stream::kOut, rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(seen + mux.finish(0, Stream::kOut), expected);
  }
}

}  // namespace
}  // namespace bosen::launch
