#include "poseidon/sync/gradient_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "bosen/error.h"

namespace poseidon {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr float kInfinite = std::numeric_limits<float>::infinity();
constexpr float kNoNumber = std::numeric_limits<float>::quiet_NaN();
constexpr Codec kBitCodecs[] = {Codec::kBf16, Codec::kFourBit, Codec::kOneBit};
/// Less than a block, blocks and their neighbours, several.
constexpr int kCounts[] = {1, 2, 7, 255, 256, 257, 258, 511, 512, 1000, 4097};

std::vector<float> some_values(int count) {
  std::minstd_rand dice(static_cast<unsigned>(count));
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(dice);
  return values;
}

struct Coded {
  std::vector<std::int32_t> words;
  std::vector<float> lost;
  std::vector<float> shown;
};

Coded coded(Codec codec, const std::vector<float>& values) {
  Coded result;
  result.words.resize(static_cast<std::size_t>(coded_words(codec, static_cast<std::int64_t>(values.size()))));
  result.lost.resize(values.size());
  result.shown.resize(values.size());
  encode(codec, values, result.words, result.lost);
  EXPECT_EQ(decode(codec, result.words, result.shown), values.size());
  return result;
}

TEST(GradientCodec, HasNames) {
  for (const Codec codec : kCodecs) {
    EXPECT_EQ(codec_named(std::string(name_of(codec))), codec);
  }
  EXPECT_THROW((void)codec_named("bf17"), bosen::Error);
}

TEST(GradientCodec, TakesFewerWords) {
  EXPECT_EQ(coded_words(Codec::kFp32, 1000), 1000);
  EXPECT_EQ(coded_words(Codec::kBf16, 1000), 500);
  EXPECT_EQ(coded_words(Codec::kBf16, 1001), 501);
  EXPECT_EQ(coded_words(Codec::kFourBit, 1024), 4 * 33);
  EXPECT_EQ(coded_words(Codec::kFourBit, 1025), 5 * 33);
  EXPECT_EQ(coded_words(Codec::kOneBit, 1024), 1 + 4 * 9);
  EXPECT_EQ(coded_words(Codec::kOneBit, 1025), 1 + 5 * 9);
  for (const Codec codec : kCodecs) {
    for (const int count : kCounts) {
      const std::int64_t words = coded_words(codec, count);
      EXPECT_GE(coded_floats_max(codec, words), count);
      EXPECT_EQ(coded_words(codec, coded_floats_max(codec, words)), words);
    }
  }
}

TEST(GradientCodec, RoundsToTheNearestBfloat16) {
  // A unit in the last place of 1 is 1/128; halves of it go to the even neighbour.
  const std::vector<float> values{1, -2.5F, 1 + 1.0F / 256, 1 + 3.0F / 256, 1 + 1.1F / 256, -1 - 1.1F / 256, 0};
  EXPECT_THAT(coded(Codec::kBf16, values).shown,
              ElementsAre(1, -2.5F, 1, 1 + 2.0F / 128, 1 + 1.0F / 128, -1 - 1.0F / 128, 0));
}

TEST(GradientCodec, KeepsWhatRoundingToBfloat16Loses) {
  for (const int count : kCounts) {
    const std::vector<float> values = some_values(count);
    const Coded result = coded(Codec::kBf16, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(result.shown[i] + result.lost[i], values[i]);
      EXPECT_LE(std::abs(result.lost[i]), std::abs(values[i]) / 256);
    }
  }
}

TEST(GradientCodec, SendsSignsAndTheMeanOfABlock) {
  for (const int count : kCounts) {
    const std::vector<float> values = some_values(count);
    const Coded result = coded(Codec::kOneBit, values);
    for (std::size_t first = 0; first < values.size(); first += 256) {
      const std::size_t end = std::min(values.size(), first + 256);
      float sum = 0;
      for (std::size_t i = first; i < end; ++i) sum += std::abs(values[i]);
      const float mean = sum / static_cast<float>(end - first);
      for (std::size_t i = first; i < end; ++i) {
        EXPECT_NEAR(result.shown[i], std::copysign(mean, values[i]), 1e-5F);
        EXPECT_EQ(result.lost[i], values[i] - result.shown[i]);
      }
    }
  }
}

TEST(GradientCodec, SendsSeventhsOfTheLargestOfABlock) {
  for (const int count : kCounts) {
    const std::vector<float> values = some_values(count);
    const Coded result = coded(Codec::kFourBit, values);
    for (std::size_t first = 0; first < values.size(); first += 256) {
      const std::size_t end = std::min(values.size(), first + 256);
      float largest = 0;
      for (std::size_t i = first; i < end; ++i) largest = std::max(largest, std::abs(values[i]));
      for (std::size_t i = first; i < end; ++i) {
        const float steps = result.shown[i] * 7 / largest;
        EXPECT_NEAR(steps, std::round(steps), 1e-5F);
        EXPECT_LE(std::abs(values[i] - result.shown[i]), largest / 14 * 1.00001F);
        EXPECT_NEAR(result.lost[i], values[i] - result.shown[i], largest * 1e-6F);
      }
    }
  }
}

TEST(GradientCodec, SendsNothingOfWhatIsTooSmallForSteps) {
  const std::vector<float> values{1e-31F, -2e-40F, 0};
  const Coded result = coded(Codec::kFourBit, values);
  EXPECT_THAT(result.shown, Each(0));
  EXPECT_EQ(result.lost, values);
}

TEST(GradientCodec, MayKeepWhatIsLostWhereTheValuesAre) {
  for (const Codec codec : kBitCodecs) {
    for (const int count : kCounts) {
      std::vector<float> values = some_values(count);
      const Coded apart = coded(codec, values);
      std::vector<std::int32_t> words(apart.words.size());
      encode(codec, values, words, values);
      EXPECT_EQ(words, apart.words);
      EXPECT_EQ(values, apart.lost);
    }
  }
}

TEST(GradientCodec, ShowsWhatIsNotFiniteOnceAndKeepsNothingOfIt) {
  for (const Codec codec : kBitCodecs) {
    for (const float bad : {kInfinite, -kInfinite, kNoNumber, std::bit_cast<float>(0x7f800001U)}) {
      for (const std::size_t place : {0U, 3U, 299U}) {
        std::vector<float> values = some_values(300);
        values[place] = bad;
        const Coded result = coded(codec, values);
        EXPECT_FALSE(std::isfinite(result.shown[place]));
        EXPECT_EQ(result.lost[place], 0);
        for (const float lost : result.lost) EXPECT_TRUE(std::isfinite(lost));
      }
    }
  }
}

TEST(GradientCodec, ReadsNoFurtherThanItMay) {
  // Of a row whose first word says anything.
  for (const std::int32_t count : {-1, 0, 10, 256, 257, 1'000'000'000}) {
    std::vector<std::int32_t> words = coded(Codec::kOneBit, some_values(256)).words;
    words[0] = count;
    std::vector<float> values(256, 7);
    const std::size_t decoded = decode(Codec::kOneBit, words, values);
    EXPECT_EQ(decoded, static_cast<std::size_t>(std::clamp(count, 0, 256)));
    EXPECT_THAT(std::vector<float>(values.begin() + static_cast<std::ptrdiff_t>(decoded), values.end()), Each(0));
  }
}

}  // namespace
}  // namespace poseidon
