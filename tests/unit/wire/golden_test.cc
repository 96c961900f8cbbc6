// The test vectors of the wire format, tests/golden/frames.txt: what frames mean, and their bytes. They change only
// together with kWireVersion; docs/design/wire.md quotes them.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "bosen/wire/codec.h"
#include "tests/support/describe_frame.h"
#include "tests/support/wire_samples.h"

namespace bosen::wire {
namespace {

using test::sample_context;

/// The entries of the file by name, each as the text below its title.
std::map<std::string, std::string> read_vectors() {
  std::ifstream file(std::string(BOSEN_SOURCE_FOLDER) + "/tests/golden/frames.txt");
  std::map<std::string, std::string> entries;
  std::string name;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("frame ")) {
      name = line.substr(6);
    } else {
      entries[name] += line + "\n";
    }
  }
  return entries;
}

/// How an entry of the file has to look.
std::string entry_of(const Frame& frame) {
  const EncodedFrame encoded = encode(frame, BlockChecksum::kCrc32c);
  std::string text = test::describe(frame) + test::hex_dump("head", encoded.head);
  if (encoded.block) text += test::hex_dump("block", {encoded.block->data, encoded.block->size});
  return text;
}

TEST(GoldenTest, FramesHaveTheBytesOfTheTestVectors) {
  BufferPool pool;
  const std::map<std::string, std::string> entries = read_vectors();
  const auto samples = test::sample_frames(pool);
  for (const auto& [name, frame] : samples) {
    const auto entry = entries.find(name);
    EXPECT_EQ(entry == entries.end() ? "no such entry" : entry->second, entry_of(frame))
        << "tests/golden/frames.txt should have\n\nframe " << name << "\n"
        << entry_of(frame);
  }
  EXPECT_EQ(entries.size(), samples.size());
}

TEST(GoldenTest, TestVectorsMeanWhatTheySay) {
  BufferPool pool;
  for (const auto& [name, text] : read_vectors()) {
    const std::vector<std::byte> head = test::parse_hex("head", text);
    const std::vector<std::byte> bytes = test::parse_hex("block", text);
    BufferRef block;
    if (!bytes.empty()) {
      block = pool.take(bytes.size());
      std::copy(bytes.begin(), bytes.end(), block->data);
      block->size = bytes.size();
    }
    const bool from_zero = text.find("from shard 0 ") != std::string::npos;
    const Decoded decoded = decode(head, block, from_zero ? 0 : 1, sample_context(2));
    ASSERT_TRUE(decoded.frame) << name << ": " << decoded.problem;
    EXPECT_EQ(text.substr(0, text.find("head ")), test::describe(*decoded.frame)) << name;
  }
}

}  // namespace
}  // namespace bosen::wire
