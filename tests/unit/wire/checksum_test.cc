#include "bosen/wire/checksum.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace bosen::wire {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

TEST(ChecksumTest, HasTheStandardCheckValue) { EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283U); }

// RFC 3720, appendix B.4.
TEST(ChecksumTest, AgreesWithTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(std::vector(32, std::byte{0x00})), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::vector(32, std::byte{0xFF})), 0x62A8AB43U);
  std::vector<std::byte> ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<std::byte>(i));
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

TEST(ChecksumTest, IsZeroOfNothing) { EXPECT_EQ(crc32c({}), 0U); }

TEST(ChecksumTest, MayBeTakenPieceByPiece) {
  const auto bytes = bytes_of("a frame's meta part, then its block");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_EQ(crc32c(bytes.subspan(cut), crc32c(bytes.first(cut))), crc32c(bytes)) << cut;
  }
}

}  // namespace
}  // namespace bosen::wire
