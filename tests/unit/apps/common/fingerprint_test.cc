#include "apps/common/fingerprint.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <span>
#include <string_view>
#include <vector>

namespace apps {
namespace {

std::uint64_t of_bytes(std::string_view text) {
  Fingerprint fingerprint;
  fingerprint.add(text);
  return fingerprint.value();
}

std::uint64_t of_parts(const std::vector<std::string_view>& parts) {
  Fingerprint fingerprint;
  for (const std::string_view part : parts) fingerprint.add(part);
  return fingerprint.value();
}

TEST(FingerprintTest, IsTheSameForTheSame) {
  EXPECT_EQ(of_bytes("to and fro, and round"), of_bytes("to and fro, and round"));
}

TEST(FingerprintTest, TellsByteOrderLengthAndPartsApart) {
  const std::set<std::uint64_t> different{
      of_bytes(""),         of_bytes("abcdefgh"),  of_bytes("abcdefghi"), of_bytes("abcdefgi"), of_bytes("bacdefgh"),
      of_bytes({"a\0", 2}), of_parts({"ab", "c"}), of_parts({"a", "bc"}), of_bytes("a"),        of_parts({"abc", ""})};
  EXPECT_EQ(different.size(), 10U);
}

TEST(FingerprintTest, TakesNumbers) {
  const auto of = [](const std::vector<float>& numbers) {
    Fingerprint fingerprint;
    fingerprint.add(std::span(numbers));
    return fingerprint.value();
  };
  EXPECT_EQ(of({1, 2, 3}), of({1, 2, 3}));
  EXPECT_NE(of({1, 2, 3}), of({1, 3, 2}));
}

}  // namespace
}  // namespace apps
