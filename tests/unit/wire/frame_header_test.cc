#include "bosen/wire/frame_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "bosen/wire/checksum.h"

namespace bosen::wire {
namespace {

using testing::HasSubstr;
using HeaderBytes = std::array<std::byte, kHeaderBytes>;

WireHeader sample_header() {
  WireHeader header;
  header.type = 4;
  header.flags = 3;
  header.job = 0x0807'0605'0403'0201;
  header.epoch = 0x1413'1211;
  header.source = 0x2423'2221;
  header.target = 0x3433'3231;
  header.body_length = 0x4443'4241;
  header.sequence = 0x5857'5655'5453'5251;
  header.acknowledged = 0x6867'6665'6463'6261;
  header.clock = -2;
  header.body_crc32c = 0x7473'7271;
  return header;
}

HeaderBytes stored(const WireHeader& header) {
  HeaderBytes bytes{};
  store_header(bytes, header);
  return bytes;
}

TEST(FrameHeaderTest, ComesBackAsItWas) {
  WireHeader header = sample_header();
  const HeaderBytes bytes = stored(header);
  header.header_crc32c = crc32c(std::span(bytes).first(60));
  EXPECT_EQ(load_header(bytes), header);
  EXPECT_EQ(check_header(bytes), "");
}

TEST(FrameHeaderTest, StandsLittleEndianAtItsOffsets) {
  const HeaderBytes bytes = stored(sample_header());
  const auto at = [&bytes](std::size_t offset) { return std::to_integer<int>(bytes[offset]); };
  EXPECT_EQ(at(0), 'B');
  EXPECT_EQ(at(1), 'O');
  EXPECT_EQ(at(2), 'S');
  EXPECT_EQ(at(3), 'N');
  EXPECT_EQ(at(4), kWireVersion);
  EXPECT_EQ(at(6), 4);
  EXPECT_EQ(at(7), 3);
  EXPECT_EQ(at(8), 0x01);
  EXPECT_EQ(at(16), 0x11);
  EXPECT_EQ(at(20), 0x21);
  EXPECT_EQ(at(24), 0x31);
  EXPECT_EQ(at(28), 0x41);
  EXPECT_EQ(at(32), 0x51);
  EXPECT_EQ(at(40), 0x61);
  EXPECT_EQ(at(48), 0xFE);
  EXPECT_EQ(at(55), 0xFF);
  EXPECT_EQ(at(56), 0x71);
}

TEST(FrameHeaderTest, EveryFlippedBitIsNoticed) {
  const HeaderBytes bytes = stored(sample_header());
  for (std::size_t bit = 0; bit < 8 * kHeaderBytes; ++bit) {
    HeaderBytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_NE(check_header(flipped), "") << "bit " << bit;
  }
}

TEST(FrameHeaderTest, TellsWhatElseStartsHere) {
  WireHeader header = sample_header();
  header.magic = 0x2054'5448;
  EXPECT_THAT(check_header(stored(header)), HasSubstr("starts with 0x20545448 instead of 0x4e534f42"));
}

TEST(FrameHeaderTest, NamesBothVersionsWhereTheyDiffer) {
  WireHeader header = sample_header();
  header.version = 9;
  EXPECT_THAT(check_header(stored(header)), HasSubstr("has wire version 9, this build speaks 5"));
}

}  // namespace
}  // namespace bosen::wire
