#include "apps/mf/factors.h"

#include <algorithm>
#include <cstring>

#include "bosen/random.h"

namespace mf {
namespace {

constexpr double kStartDeviation = 0.1;

/// As many floats as every x86-64 and ARM64 takes at once.
using Lanes = float __attribute__((vector_size(16)));
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(float);

Lanes load_lanes(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

void store_lanes(const Lanes& lanes, float* to) { std::memcpy(to, &lanes, sizeof lanes); }

/// `count` is a multiple of kLanes, as in all below.
float product(const float* a, const float* b, std::size_t count) {
  Lanes sum{};
  for (std::size_t i = 0; i < count; i += kLanes) sum += load_lanes(a + i) * load_lanes(b + i);
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/// p += step * q - shrink * p and the same for q, both from the values before.
void move(float* p, float* q, std::size_t count, float step, float shrink) {
  for (std::size_t i = 0; i < count; i += kLanes) {
    const Lanes old_p = load_lanes(p + i);
    const Lanes old_q = load_lanes(q + i);
    store_lanes(old_p + step * old_q - shrink * old_p, p + i);
    store_lanes(old_q + step * old_p - shrink * old_q, q + i);
  }
}

}  // namespace

RowBlock::RowBlock(int rank) : rank_(static_cast<std::size_t>(rank)), stride_((rank_ + kLanes - 1) / kLanes * kLanes) {}

void RowBlock::resize(std::size_t rows) {
  factors_.resize(rows * stride_);  // the padding is zero at first and stays so: nothing but zeros is ever added to it
  biases_.resize(rows);
}

void RowBlock::load(std::size_t row, std::span<const float> values) {
  std::copy_n(values.begin(), rank_, factors(row));
  biases_[row] = values[rank_];
}

void RowBlock::difference(std::size_t row, std::span<const float> before, std::span<float> target) const {
  const float* const now = factors(row);
  for (std::size_t i = 0; i < rank_; ++i) target[i] = now[i] - before[i];
  target[rank_] = biases_[row] - before[rank_];
}

Factorizer::Factorizer(int rank, double mean, const SgdOptions& options)
    : mean_(static_cast<float>(mean)), options_(options), users_(rank), items_(rank) {}

float Factorizer::error(const SliceRating& rating) const {
  const float prediction = mean_ + users_.bias(rating.user) + items_.bias(rating.item) +
                           product(users_.factors(rating.user), items_.factors(rating.item), users_.stride());
  return rating.value - prediction;
}

double Factorizer::learn(const Slice& slice, std::span<const std::uint32_t> order) {
  const auto rate = static_cast<float>(options_.learning_rate);
  const auto shrink = static_cast<float>(options_.learning_rate * options_.regularization);
  double sum = 0;
  for (const std::uint32_t i : order) {
    const SliceRating& rating = slice.ratings[i];
    const float error = this->error(rating);
    sum += static_cast<double>(error) * static_cast<double>(error);
    float& user_bias = users_.bias(rating.user);
    float& item_bias = items_.bias(rating.item);
    user_bias += rate * error - shrink * user_bias;
    item_bias += rate * error - shrink * item_bias;
    move(users_.factors(rating.user), items_.factors(rating.item), users_.stride(), rate * error, shrink);
  }
  return sum;
}

double Factorizer::squared_error(const Slice& slice) const {
  double sum = 0;
  for (const SliceRating& rating : slice.ratings) {
    const auto error = static_cast<double>(this->error(rating));
    sum += error * error;
  }
  return sum;
}

void start_row(std::uint64_t seed, RowKind kind, std::int64_t row, std::span<float> target) {
  bosen::Random random(seed, 16 + static_cast<std::uint64_t>(kind), static_cast<std::uint64_t>(row));
  for (float& value : target.first(target.size() - 1)) value = static_cast<float>(kStartDeviation * random.normal());
  target.back() = 0;
}

}  // namespace mf
