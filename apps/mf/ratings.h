#pragma once

// Ratings of items by users: read from a file or made up. Users and items are numbered 0, 1, 2 ... in the order of
// their ids.

#include <cstdint>
#include <string>
#include <vector>

namespace mf {

struct Rating {
  std::uint32_t user = 0;
  std::uint32_t item = 0;
  float value = 0;
};

/// All ratings of a run. A plain value.
struct Ratings {
  std::vector<Rating> train;
  std::vector<Rating> test;
  std::vector<std::int64_t> user_ids;  ///< by user
  std::vector<std::int64_t> item_ids;  ///< by item
  double mean = 0;                     ///< of `train`

  [[nodiscard]] std::size_t users() const { return user_ids.size(); }
  [[nodiscard]] std::size_t items() const { return item_ids.size(); }
};

/// Reads lines "USER ITEM RATING", separated by blanks, tabs, commas or colons; further columns and empty lines don't
/// matter. Of the ratings, every one whose number i (from 0) has i % test_every == test_every - 1 is for testing; none
/// where it is 0. Throws bosen::Error(kData) with file:line:column.
Ratings read_ratings(const std::string& path, int test_every);

/// Ratings that a biased factor model of that rank explains, but for noise of standard deviation kNoise.
struct GeneratorOptions {
  std::int64_t users = 0;
  std::int64_t items = 0;
  int rank = 0;
  std::int64_t ratings = 0;
};
inline constexpr double kNoise = 0.3;

/// Reads "ROWS,COLS,RANK,NNZ". Throws bosen::Error(kUsage) with the reason alone.
GeneratorOptions parse_generator(const std::string& text);

/// Makes ratings up: the same for the same seed. Every user rates about as many items as every other.
Ratings generate_ratings(const GeneratorOptions& options, int test_every, std::uint64_t seed);

}  // namespace mf
