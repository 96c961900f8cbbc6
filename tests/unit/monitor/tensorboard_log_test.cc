#include "bosen/monitor/tensorboard_log.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "bosen/base/error.h"
#include "bosen/wire/checksum.h"
#include "tests/support/file_limit.h"

namespace bosen::monitor {
namespace {

class TensorboardLogTest : public ::testing::Test {
 protected:
  ~TensorboardLogTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = testing::TempDir() + "tensorboard_log_test";
};

std::uint32_t unmasked(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xA282EAD8;
  return rotated >> 17 | rotated << 15;
}

template <class T>
T take(std::string_view& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

/// The events of a file, each with both of its checksums checked.
std::vector<std::string> read_events(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::string_view rest = text;
  std::vector<std::string> events;
  while (!rest.empty()) {
    const std::string_view head = rest.substr(0, 8);
    const auto length = take<std::uint64_t>(rest);
    EXPECT_EQ(unmasked(take<std::uint32_t>(rest)), wire::crc32c(std::as_bytes(std::span(head))));
    const std::string_view event = rest.substr(0, length);
    rest.remove_prefix(length);
    EXPECT_EQ(unmasked(take<std::uint32_t>(rest)), wire::crc32c(std::as_bytes(std::span(event))));
    events.emplace_back(event);
  }
  return events;
}

std::string little_endian(std::uint64_t bits, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(bits >> (8 * i) & 0xFF);
  return text;
}

TEST_F(TensorboardLogTest, WritesWhatTheFormatSays) {
  {
    TensorboardLog log(folder_ + "/a/b", "node0", 1000.5);
    EXPECT_EQ(log.path(), folder_ + "/a/b/events.out.tfevents.1000.node0");
    log.scalars(300, 2.25, {{"loss", 0.5}, {"accuracy", 0.75}});
  }
  const auto events = read_events(folder_ + "/a/b/events.out.tfevents.1000.node0");
  ASSERT_EQ(events.size(), 2U);
  const auto wall_time = [](double time) { return "\x09" + little_endian(std::bit_cast<std::uint64_t>(time), 8); };
  EXPECT_EQ(events[0], wall_time(1000.5) + "\x1A\x0D" + "brain.Event:2");
  const std::string loss = "\x0A\x04loss\x15" + little_endian(std::bit_cast<std::uint32_t>(0.5F), 4);
  const std::string accuracy =
      "\x0A\x08"
      "accuracy\x15" +
      little_endian(std::bit_cast<std::uint32_t>(0.75F), 4);
  EXPECT_EQ(events[1], wall_time(1002.75) + "\x10\xAC\x02" + "\x2A\x1E" + "\x0A\x0B" + loss + "\x0A\x0F" + accuracy);
}

TEST_F(TensorboardLogTest, LeavesTheFileOfAnEarlierRunAlone) {
  const std::string name = folder_ + "/events.out.tfevents.0.node0";
  for (const char* ending : {"", ".1", ".2"}) {
    TensorboardLog log(folder_, "node0", 0);
    EXPECT_EQ(log.path(), name + ending);
    log.scalars(1, 0, {{"loss", 0.5}});
  }
  EXPECT_EQ(read_events(name).size(), 2U);
}

TEST_F(TensorboardLogTest, KeepsWholeRecordsWhereTheDiskFillsUp) {
  std::vector<std::string> told;
  std::string path;
  {
    TensorboardLog log(folder_, "node0", 0, [&](const std::string& text) { told.push_back(text); });
    path = log.path();
    const FileLimit limit(std::filesystem::file_size(path) + 10);
    log.scalars(1, 0, {{"loss", 0.5}});
    log.scalars(2, 0, {{"loss", 0.5}});
    EXPECT_FALSE(log.is_whole());
  }
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0],
            "cannot write '" + path + "': File too large; the run goes on, TensorBoard will lack its later values");
  EXPECT_EQ(read_events(path).size(), 1U);
}

TEST_F(TensorboardLogTest, SaysWhereItCannotWrite) {
  std::ofstream(folder_) << "in the way";
  try {
    const TensorboardLog log(folder_ + "/a", "node0", 0);
    FAIL() << "it could";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kStorage);
    EXPECT_NE(std::string(error.what()).find("--tensorboard"), std::string::npos);
  }
}

}  // namespace
}  // namespace bosen::monitor
