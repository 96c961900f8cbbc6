#include "poseidon/sync/coded_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

namespace poseidon {
namespace {

constexpr int kFloats = 300;
constexpr int kProcesses = 3;

/// A row on a shard.
class Row {
 public:
  explicit Row(Codec codec) : codec_(codec), updater_(make_coded_sum(codec)) {
    words_.resize(static_cast<std::size_t>(coded_words(codec, kFloats)));
    state_.resize(words_.size() * updater_->state_per_element());
  }

  void apply(const std::vector<std::int32_t>& update, bool first_of_clock) {
    updater_->apply(
        {.values = words_, .update = update, .state = state_, .step = step_++, .first_of_clock = first_of_clock});
  }

  [[nodiscard]] std::vector<float> shown() const {
    std::vector<float> values(kFloats);
    decode(codec_, words_, values);
    return values;
  }

 private:
  const Codec codec_;
  const std::unique_ptr<bosen::Updater<std::int32_t>> updater_;
  std::vector<std::int32_t> words_;
  std::vector<std::int32_t> state_;
  std::int64_t step_ = 0;
};

/// A process that sends gradients, and what it has not sent yet.
struct Sender {
  std::vector<float> late = std::vector<float>(kFloats);

  std::vector<std::int32_t> send(Codec codec, const std::vector<float>& gradient) {
    std::vector<std::int32_t> words(static_cast<std::size_t>(coded_words(codec, kFloats)));
    for (std::size_t i = 0; i < late.size(); ++i) late[i] += gradient[i];
    encode(codec, late, words, late);
    return words;
  }
};

// However few bits travel: what a row has shown in all clocks is what was given, but for what is still on its way,
// which does not grow.
TEST(CodedSum, ShowsAllThatWasGivenSoonerOrLater) {
  for (const Codec codec : {Codec::kBf16, Codec::kFourBit, Codec::kOneBit}) {
    Row row(codec);
    std::vector<Sender> senders(kProcesses);
    std::minstd_rand dice(7);
    std::normal_distribution<float> noise(0, 1);
    std::vector<double> given(kFloats);
    std::vector<double> seen(kFloats);
    std::vector<double> behind;
    for (int clock = 0; clock < 400; ++clock) {
      for (int process = 0; process < kProcesses; ++process) {
        std::vector<float> gradient(kFloats);
        for (std::size_t i = 0; i < gradient.size(); ++i) {
          gradient[i] = 0.1F * static_cast<float>(i % 7) + noise(dice);
          given[i] += gradient[i];
        }
        row.apply(senders[static_cast<std::size_t>(process)].send(codec, gradient), process == 0);
      }
      const std::vector<float> shown = row.shown();
      double largest = 0;
      for (std::size_t i = 0; i < shown.size(); ++i) {
        seen[i] += shown[i];
        largest = std::max(largest, std::abs(given[i] - seen[i]));
      }
      behind.push_back(largest);
    }
    // A sum of 3 x 400 gradients is up to 720 by their mean alone.
    const std::map<Codec, double> most{{Codec::kBf16, 0.1}, {Codec::kFourBit, 2}, {Codec::kOneBit, 40}};
    EXPECT_LT(behind.back(), most.at(codec)) << name_of(codec);
    EXPECT_LT(behind.back(), 2 * behind[100] + 0.05) << name_of(codec);
  }
}

TEST(CodedSum, ForgetsAClockThatWasNotFinite) {
  for (const Codec codec : {Codec::kBf16, Codec::kFourBit, Codec::kOneBit}) {
    Row row(codec);
    Sender sender;
    std::vector<float> gradient(kFloats, 1);
    row.apply(sender.send(codec, gradient), true);
    gradient[17] = std::numeric_limits<float>::quiet_NaN();
    row.apply(sender.send(codec, gradient), true);
    EXPECT_FALSE(std::isfinite(row.shown()[17]));
    gradient[17] = 1;
    for (int clock = 0; clock < 2; ++clock) {
      row.apply(sender.send(codec, gradient), true);
      for (const float value : row.shown()) EXPECT_TRUE(std::isfinite(value));
    }
    EXPECT_NEAR(row.shown()[17], 1, 1e-5);
  }
}

}  // namespace
}  // namespace poseidon
