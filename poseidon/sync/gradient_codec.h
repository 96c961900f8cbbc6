#pragma once

// What of a gradient travels: its floats, or fewer bits, as 32-bit words. Whoever encodes keeps what got lost and adds
// it to the next gradient (error feedback), so that it is late instead of lost.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace poseidon {

enum class Codec {
  kFp32,     ///< floats, as they are
  kBf16,     ///< bfloat16: the upper halves of floats, rounded to the nearest, ties to even
  kFourBit,  ///< of each 256, the largest absolute value, and sevenths of it, rounded to the nearest
  kOneBit,   ///< signs, and for each 256 of them the mean of the absolute values (Karimireddy et al., ICML'19)
};

inline constexpr std::array kCodecs{Codec::kFp32, Codec::kBf16, Codec::kFourBit, Codec::kOneBit};

/// "fp32", "bf16", "4bit", "1bit".
std::string_view name_of(Codec codec);
/// Throws bosen::Error(kUsage) with the reason alone.
Codec codec_named(const std::string& name);

/// Words that so many floats become.
[[nodiscard]] std::int64_t coded_words(Codec codec, std::int64_t floats);
/// Most floats that become so many words.
[[nodiscard]] std::int64_t coded_floats_max(Codec codec, std::int64_t words);

/// Writes `values` to `words`, which are coded_words() of them, and to `lost` what is to be added to the next values:
/// zero where it is not finite. `lost` may be `values`. Not of kFp32, nor is what follows.
void encode(Codec codec, std::span<const float> values, std::span<std::int32_t> words, std::span<float> lost);

/// Writes what `words` say to `values`, of which there are as many as were encoded, or at most coded_floats_max().
/// Returns how many there were; what is beyond becomes zero.
std::size_t decode(Codec codec, std::span<const std::int32_t> words, std::span<float> values);

}  // namespace poseidon
