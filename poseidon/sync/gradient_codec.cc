#include "poseidon/sync/gradient_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "bosen/error.h"
#include "poseidon/vectorised.h"

namespace poseidon {
namespace {

// Codecs work on blocks of so many floats; the last one may have fewer.
constexpr std::size_t kBlock = 256;

constexpr std::uint32_t kSign = 0x80000000U;
constexpr std::uint32_t kInfinity = 0x7f800000U;
constexpr std::uint32_t kUpperHalf = 0xffff0000U;

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }
float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }

/// What `sent` leaves of `value`.
float lost_of(float value, float sent) {
  const float lost = value - sent;
  return (bits_of(lost) & kInfinity) == kInfinity ? 0.0F : lost;
}

// bf16. Word i of a block of n words has value i in its lower half and value n + i in its upper one.

constexpr std::size_t kBf16Words = kBlock / 2;

/// The bits of the nearest float whose lower half is zero.
std::uint32_t rounded(float value) {
  constexpr std::uint32_t kJustBelowHalf = 0x7fffU;
  constexpr std::uint32_t kQuiet = 0x00400000U;
  constexpr int kHalfBits = 16;
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t nearest = bits + kJustBelowHalf + ((bits >> kHalfBits) & 1U);
  const bool is_nan = (bits & ~kSign) > kInfinity;
  return (is_nan ? bits | kQuiet : nearest) & kUpperHalf;
}

POSEIDON_VECTORISED void encode_bf16(const float* values, std::size_t pairs, std::size_t words, std::int32_t* to,
                                     float* lost) {
  for (std::size_t i = 0; i < pairs; ++i) {
    const float low = values[i];
    const float high = values[words + i];
    const std::uint32_t low_bits = rounded(low);
    const std::uint32_t high_bits = rounded(high);
    to[i] = static_cast<std::int32_t>(low_bits >> 16U | high_bits);
    lost[i] = lost_of(low, float_of(low_bits));
    lost[words + i] = lost_of(high, float_of(high_bits));
  }
}

POSEIDON_VECTORISED void decode_bf16(const std::int32_t* words, std::size_t count, float* low, float* high) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto word = static_cast<std::uint32_t>(words[i]);
    low[i] = float_of(word << 16U);
    high[i] = float_of(word & kUpperHalf);
  }
}

// 4bit. A block is its scale and then 32 words of 8 numbers from 1 to 15, of which word w has value 32 n + w as its
// n-th, so that 32 values are handled side by side.

constexpr std::size_t kNibbleWords = kBlock / 8;
constexpr std::size_t kFourBitWords = 1 + kNibbleWords;
constexpr float kSteps = 7;  // to either side of zero
constexpr std::uint32_t kZero = 8;
constexpr std::uint32_t kNibble = 0xfU;
constexpr std::uint32_t kNibbleBits = 4;

POSEIDON_VECTORISED std::uint32_t largest_absolute(const float* values) {
  std::array<std::uint32_t, kNibbleWords> largest{};
  for (std::size_t first = 0; first < kBlock; first += kNibbleWords) {
    for (std::size_t lane = 0; lane < kNibbleWords; ++lane) {
      // As whole numbers, which puts what is no number above all.
      largest[lane] = std::max(largest[lane], bits_of(values[first + lane]) & ~kSign);
    }
  }
  return *std::max_element(largest.begin(), largest.end());
}

POSEIDON_VECTORISED void encode_nibbles(const float* values, float scale, std::int32_t* to, float* lost) {
  const float per_step = kSteps / scale;
  const float step = scale / kSteps;
  std::array<std::uint32_t, kNibbleWords> words{};
  for (std::uint32_t place = 0; place < kBlock / kNibbleWords; ++place) {
    for (std::size_t lane = 0; lane < kNibbleWords; ++lane) {
      const float value = values[place * kNibbleWords + lane];
      const float half = float_of(bits_of(0.5F) | (bits_of(value) & kSign));
      const auto steps = static_cast<std::int32_t>(value * per_step + half);
      words[lane] |= (static_cast<std::uint32_t>(steps) + kZero) << (place * kNibbleBits);
      lost[place * kNibbleWords + lane] = lost_of(value, static_cast<float>(steps) * step);
    }
  }
  for (std::size_t lane = 0; lane < kNibbleWords; ++lane) to[lane] = static_cast<std::int32_t>(words[lane]);
}

POSEIDON_VECTORISED void decode_nibbles(const std::int32_t* words, float scale, float* values) {
  const float step = scale / kSteps;
  for (std::uint32_t place = 0; place < kBlock / kNibbleWords; ++place) {
    for (std::size_t lane = 0; lane < kNibbleWords; ++lane) {
      const std::uint32_t nibble = static_cast<std::uint32_t>(words[lane]) >> (place * kNibbleBits) & kNibble;
      const auto steps = static_cast<std::int32_t>(nibble) - static_cast<std::int32_t>(kZero);
      values[place * kNibbleWords + lane] = static_cast<float>(steps) * step;
    }
  }
}

// 1bit. The first word says how many floats there are. A block is its scale and then 8 words of signs, of which word w
// has that of value 8b + w in bit b, so that 8 values are handled side by side.

constexpr std::size_t kLanes = 8;
constexpr std::size_t kLaneBits = kBlock / kLanes;
constexpr std::size_t kOneBitWords = 1 + kLanes;

POSEIDON_VECTORISED float sum_of_absolutes(const float* values) {
  std::array<float, kLanes> sums{};
  for (std::size_t bit = 0; bit < kLaneBits; ++bit) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += float_of(bits_of(values[bit * kLanes + lane]) & ~kSign);
    }
  }
  float sum = 0;
  for (const float part : sums) sum += part;
  return sum;
}

POSEIDON_VECTORISED void encode_signs(const float* values, std::uint32_t scale, std::int32_t* to, float* lost) {
  std::array<std::uint32_t, kLanes> signs{};
  for (std::size_t bit = 0; bit < kLaneBits; ++bit) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[bit * kLanes + lane];
      const std::uint32_t sign = bits_of(value) & kSign;
      signs[lane] |= sign >> (kLaneBits - 1 - bit);
      lost[bit * kLanes + lane] = lost_of(value, float_of(scale | sign));
    }
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) to[lane] = static_cast<std::int32_t>(signs[lane]);
}

POSEIDON_VECTORISED void decode_signs(const std::int32_t* signs, std::uint32_t scale, float* values) {
  for (std::size_t bit = 0; bit < kLaneBits; ++bit) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint32_t sign = static_cast<std::uint32_t>(signs[lane]) << (kLaneBits - 1 - bit) & kSign;
      values[bit * kLanes + lane] = float_of(scale | sign);
    }
  }
}

void encode_bf16(std::span<const float> values, std::span<std::int32_t> words, std::span<float> lost) {
  const std::size_t count = values.size();
  const std::size_t half = words.size();
  encode_bf16(values.data(), count - half, half, words.data(), lost.data());
  if (2 * half == count) return;
  const float last = values[half - 1];
  words[half - 1] = static_cast<std::int32_t>(rounded(last) >> 16U);
  lost[half - 1] = lost_of(last, float_of(rounded(last)));
}

/// Of a whole block, of which `count` values are there and the others zero.
void encode_one_bit(const float* values, std::size_t count, std::int32_t* words, float* lost) {
  const std::uint32_t scale = bits_of(sum_of_absolutes(values) / static_cast<float>(count)) & ~kSign;
  words[0] = static_cast<std::int32_t>(scale);
  encode_signs(values, scale, words + 1, lost);
}

void encode_four_bit(const float* values, std::int32_t* words, float* lost) {
  constexpr float kScaleMin = 1e-30F;  // of which a seventh can be divided by
  const std::uint32_t scale_bits = largest_absolute(values);
  const float scale = float_of(scale_bits);
  words[0] = static_cast<std::int32_t>(scale_bits);
  if (scale_bits >= kInfinity) {
    std::fill_n(words + 1, kNibbleWords, -1);  // the largest of all steps, none of which is a number then
    std::fill_n(lost, kBlock, 0.0F);
  } else if (scale < kScaleMin) {
    std::fill_n(words, kFourBitWords, 0);  // steps of zero
    std::copy_n(values, kBlock, lost);
  } else {
    encode_nibbles(values, scale, words + 1, lost);
  }
}

void encode_bits(Codec codec, std::span<const float> values, std::span<std::int32_t> words, std::span<float> lost) {
  // A block that is not full is filled with zeros.
  std::array<float, kBlock> filled{};
  const bool is_full = values.size() == kBlock;
  if (!is_full) std::copy(values.begin(), values.end(), filled.begin());
  const float* const from = is_full ? values.data() : filled.data();
  float* const to = is_full ? lost.data() : filled.data();
  if (codec == Codec::kOneBit) {
    encode_one_bit(from, values.size(), words.data(), to);
  } else {
    encode_four_bit(from, words.data(), to);
  }
  if (!is_full) std::copy_n(filled.begin(), lost.size(), lost.begin());
}

void decode_bf16(std::span<const std::int32_t> words, std::span<float> values) {
  const std::size_t half = words.size();
  std::array<float, kBlock> whole;  // NOLINT(*-member-init): written before it is read
  const bool is_full = values.size() == 2 * half;
  float* const to = is_full ? values.data() : whole.data();
  decode_bf16(words.data(), half, to, to + half);
  if (!is_full) std::copy_n(whole.begin(), values.size(), values.begin());
}

void decode_bits(Codec codec, std::span<const std::int32_t> words, std::span<float> values) {
  std::array<float, kBlock> whole;  // NOLINT(*-member-init): written before it is read
  const bool is_full = values.size() == kBlock;
  float* const to = is_full ? values.data() : whole.data();
  const std::uint32_t scale = static_cast<std::uint32_t>(words[0]) & ~kSign;
  if (codec == Codec::kOneBit) {
    decode_signs(words.data() + 1, scale, to);
  } else {
    decode_nibbles(words.data() + 1, float_of(scale), to);
  }
  if (!is_full) std::copy_n(whole.begin(), values.size(), values.begin());
}

/// Of a row's words, those of its blocks.
template <class Word>
std::span<Word> blocks_of(Codec codec, std::span<Word> words) {
  return codec == Codec::kOneBit ? words.subspan(1) : words;
}

std::size_t block_words(Codec codec) {
  if (codec == Codec::kBf16) return kBf16Words;
  return codec == Codec::kOneBit ? kOneBitWords : kFourBitWords;
}

}  // namespace

std::string_view name_of(Codec codec) {
  switch (codec) {
    case Codec::kFp32:
      return "fp32";
    case Codec::kBf16:
      return "bf16";
    case Codec::kFourBit:
      return "4bit";
    case Codec::kOneBit:
      break;
  }
  return "1bit";
}

Codec codec_named(const std::string& name) {
  for (const Codec codec : kCodecs) {
    if (name == name_of(codec)) return codec;
  }
  throw bosen::Error(bosen::ErrorKind::kUsage, "must be fp32, bf16, 4bit or 1bit");
}

std::int64_t coded_words(Codec codec, std::int64_t floats) {
  constexpr auto kFloats = static_cast<std::int64_t>(kBlock);
  switch (codec) {
    case Codec::kFp32:
      break;
    case Codec::kBf16:
      return (floats + 1) / 2;
    case Codec::kFourBit:
      return (floats + kFloats - 1) / kFloats * static_cast<std::int64_t>(kFourBitWords);
    case Codec::kOneBit:
      return 1 + (floats + kFloats - 1) / kFloats * static_cast<std::int64_t>(kOneBitWords);
  }
  return floats;
}

std::int64_t coded_floats_max(Codec codec, std::int64_t words) {
  switch (codec) {
    case Codec::kFp32:
      break;
    case Codec::kBf16:
      return 2 * words;
    case Codec::kFourBit:
      return words / static_cast<std::int64_t>(kFourBitWords) * static_cast<std::int64_t>(kBlock);
    case Codec::kOneBit:
      return (words - 1) / static_cast<std::int64_t>(kOneBitWords) * static_cast<std::int64_t>(kBlock);
  }
  return words;
}

void encode(Codec codec, std::span<const float> values, std::span<std::int32_t> words, std::span<float> lost) {
  if (codec == Codec::kOneBit) words[0] = static_cast<std::int32_t>(values.size());
  std::span<std::int32_t> rest = blocks_of(codec, words);
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    const std::size_t count = std::min(kBlock, values.size() - first);
    const std::span<std::int32_t> block = rest.first(std::min(rest.size(), block_words(codec)));
    rest = rest.subspan(block.size());
    if (codec == Codec::kBf16) {
      encode_bf16(values.subspan(first, count), block, lost.subspan(first, count));
    } else {
      encode_bits(codec, values.subspan(first, count), block, lost.subspan(first, count));
    }
  }
}

std::size_t decode(Codec codec, std::span<const std::int32_t> words, std::span<float> values) {
  std::size_t all = values.size();
  if (codec == Codec::kOneBit) all = std::min(all, static_cast<std::size_t>(std::max(words[0], 0)));
  std::span<const std::int32_t> rest = blocks_of(codec, words);
  for (std::size_t first = 0; first < all; first += kBlock) {
    const std::size_t count = std::min(kBlock, all - first);
    const std::span<const std::int32_t> block = rest.first(std::min(rest.size(), block_words(codec)));
    rest = rest.subspan(block.size());
    if (codec == Codec::kBf16) {
      decode_bf16(block, values.subspan(first, count));
    } else {
      decode_bits(codec, block, values.subspan(first, count));
    }
  }
  std::fill(values.begin() + static_cast<std::ptrdiff_t>(all), values.end(), 0.0F);
  return all;
}

}  // namespace poseidon
