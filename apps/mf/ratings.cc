#include "apps/mf/ratings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "apps/common/input_file.h"
#include "apps/common/number.h"
#include "bosen/error.h"
#include "bosen/random.h"

namespace mf {
namespace {

constexpr apps::Separators kSeparators(" \t,:");
constexpr std::int64_t kGeneratedRowsMax = 100'000'000;
constexpr std::int64_t kGeneratedRatingsMax = 2'000'000'000;
constexpr int kGeneratedRankMax = 4096;

struct RawRating {
  std::int64_t user;
  std::int64_t item;
  float value;
};

template <class T>
T parse_column(apps::LineReader& line, std::string_view text, const char* what, const char* kind) {
  if (text.empty()) line.refuse(fmt::format("{} is missing: a line is USER ITEM RATING", what));
  T value{};
  if (!apps::parse_number(text, value) || !std::isfinite(static_cast<double>(value))) {
    line.refuse(fmt::format("{} '{}' is not a {}: a line is USER ITEM RATING", what, apps::shown(text), kind));
  }
  return value;
}

std::vector<RawRating> read_lines(const std::string& path) {
  const std::string text = apps::read_text(path);
  std::vector<RawRating> ratings;
  apps::LineReader line(path, text);
  while (line.next()) {
    const std::string_view user = line.word(kSeparators);
    if (user.empty()) continue;
    RawRating rating{};
    rating.user = parse_column<std::int64_t>(line, user, "the user", "whole number");
    rating.item = parse_column<std::int64_t>(line, line.word(kSeparators), "the item", "whole number");
    rating.value = parse_column<float>(line, line.word(kSeparators), "the rating", "number");
    ratings.push_back(rating);
  }
  if (ratings.empty()) apps::refuse_file(path, "is empty: a line is USER ITEM RATING");
  return ratings;
}

/// The ids that occur, ascending.
std::vector<std::int64_t> ids_of(const std::vector<RawRating>& ratings, std::int64_t RawRating::*column) {
  std::vector<std::int64_t> ids;
  ids.reserve(ratings.size());
  for (const RawRating& rating : ratings) ids.push_back(rating.*column);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::uint32_t number_of(const std::vector<std::int64_t>& ids, std::int64_t id) {
  return static_cast<std::uint32_t>(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
}

bool is_for_testing(std::size_t number, int test_every) {
  if (test_every == 0) return false;
  const auto every = static_cast<std::size_t>(test_every);
  return number % every == every - 1;
}

double mean_of(const std::vector<Rating>& ratings) {
  double sum = 0;
  for (const Rating& rating : ratings) sum += static_cast<double>(rating.value);
  return ratings.empty() ? 0 : sum / static_cast<double>(ratings.size());
}

/// The factors that generated ratings come from: a row's numbers depend on seed, kind and row only.
class HiddenModel {
 public:
  HiddenModel(const GeneratorOptions& options, std::uint64_t seed)
      : rank_(static_cast<std::size_t>(options.rank)),
        users_(rows(static_cast<std::size_t>(options.users), seed, 1)),
        items_(rows(static_cast<std::size_t>(options.items), seed, 2)) {}

  /// The rating without noise: 3.5, both biases, and the product of the factors, whose standard deviation is 0.6.
  [[nodiscard]] double rating(std::size_t user, std::size_t item) const {
    const float* const p = users_.data() + user * (rank_ + 1);
    const float* const q = items_.data() + item * (rank_ + 1);
    double product = 0;
    for (std::size_t k = 0; k < rank_; ++k) product += static_cast<double>(p[k] * q[k]);
    return 3.5 + 0.3 * static_cast<double>(p[rank_] + q[rank_]) + 0.6 * product / std::sqrt(static_cast<double>(rank_));
  }

 private:
  [[nodiscard]] std::vector<float> rows(std::size_t count, std::uint64_t seed, std::uint64_t kind) const {
    std::vector<float> rows(count * (rank_ + 1));
    bosen::Random random(seed, kind);
    for (float& value : rows) value = static_cast<float>(random.normal());
    return rows;
  }

  std::size_t rank_;
  std::vector<float> users_;
  std::vector<float> items_;
};

/// `count` different numbers below `bound`, in random order (Floyd's algorithm).
std::vector<std::uint32_t> different_numbers(std::size_t count, std::size_t bound, bosen::Random& random) {
  std::vector<std::uint32_t> numbers;
  std::unordered_set<std::uint32_t> taken;
  for (std::size_t top = bound - count; top < bound; ++top) {
    auto number = static_cast<std::uint32_t>(random.below(top + 1));
    if (!taken.insert(number).second) {
      number = static_cast<std::uint32_t>(top);
      taken.insert(number);
    }
    numbers.push_back(number);
  }
  random.shuffle(std::span(numbers));
  return numbers;
}

}  // namespace

Ratings read_ratings(const std::string& path, int test_every) {
  const std::vector<RawRating> raw = read_lines(path);
  Ratings ratings;
  ratings.user_ids = ids_of(raw, &RawRating::user);
  ratings.item_ids = ids_of(raw, &RawRating::item);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const Rating rating{number_of(ratings.user_ids, raw[i].user), number_of(ratings.item_ids, raw[i].item),
                        raw[i].value};
    (is_for_testing(i, test_every) ? ratings.test : ratings.train).push_back(rating);
  }
  ratings.mean = mean_of(ratings.train);
  return ratings;
}

GeneratorOptions parse_generator(const std::string& text) {
  std::vector<std::int64_t> numbers;
  std::string_view rest = text;
  for (bool more = true; more && numbers.size() < 5;) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    if (error != std::errc{} || stop != item.data() + item.size() || number < 1) break;
    numbers.push_back(number);
    if (more) rest.remove_prefix(comma + 1);
    if (!more && numbers.size() == 4) rest = {};
  }
  if (numbers.size() != 4 || !rest.empty()) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       fmt::format("'{}' is not of the form ROWS,COLS,RANK,NNZ with positive numbers, as in "
                                   "1000,500,10,50000",
                                   text));
  }
  const std::int64_t rows = numbers[0];
  const std::int64_t columns = numbers[1];
  const std::int64_t ratings = numbers[3];
  const bool fits = rows <= kGeneratedRowsMax && columns <= kGeneratedRowsMax && numbers[2] <= kGeneratedRankMax &&
                    ratings <= kGeneratedRatingsMax;
  if (!fits) {
    throw bosen::Error(bosen::ErrorKind::kUsage,
                       fmt::format("'{}' is too large: at most {} rows and columns, rank {} and {} ratings", text,
                                   kGeneratedRowsMax, kGeneratedRankMax, kGeneratedRatingsMax));
  }
  if (ratings > rows * columns) {
    throw bosen::Error(
        bosen::ErrorKind::kUsage,
        fmt::format("{} ratings don't fit into {} x {}: a user rates an item once", ratings, rows, columns));
  }
  return {rows, columns, static_cast<int>(numbers[2]), ratings};
}

Ratings generate_ratings(const GeneratorOptions& options, int test_every, std::uint64_t seed) {
  const HiddenModel model(options, seed);
  const auto users = static_cast<std::size_t>(options.users);
  const auto count = static_cast<std::size_t>(options.ratings);
  std::vector<Rating> all;
  all.reserve(count);
  for (std::size_t user = 0; user < users; ++user) {
    bosen::Random random(seed, 3, user);
    const std::size_t own = count * (user + 1) / users - count * user / users;
    for (const std::uint32_t item : different_numbers(own, static_cast<std::size_t>(options.items), random)) {
      const double value = model.rating(user, item) + kNoise * random.normal();
      all.push_back({static_cast<std::uint32_t>(user), item, static_cast<float>(value)});
    }
  }
  bosen::Random(seed, 4).shuffle(std::span(all));
  Ratings ratings;
  for (std::int64_t user = 0; user < options.users; ++user) ratings.user_ids.push_back(user);
  for (std::int64_t item = 0; item < options.items; ++item) ratings.item_ids.push_back(item);
  for (std::size_t i = 0; i < all.size(); ++i) {
    (is_for_testing(i, test_every) ? ratings.test : ratings.train).push_back(all[i]);
  }
  ratings.mean = mean_of(ratings.train);
  return ratings;
}

}  // namespace mf
