#include "poseidon/sync/coded_sum.h"

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace poseidon {
namespace {

/// Words of state for each word of a row: the floats that it stands for, rounded up.
std::size_t state_words(Codec codec) {
  constexpr std::int64_t kRow = 1'000'000;
  const std::int64_t floats = coded_floats_max(codec, kRow);
  return static_cast<std::size_t>((floats + kRow - 1) / kRow);
}

class CodedSum final : public bosen::Updater<std::int32_t> {
 public:
  explicit CodedSum(Codec codec) : codec_(codec), state_per_element_(state_words(codec)) {}

  [[nodiscard]] std::size_t state_per_element() const override { return state_per_element_; }

  // Which update is a clock's last is not known, so the sum is encoded after each.
  void apply(const bosen::RowUpdate<std::int32_t>& row) override {
    const auto most = static_cast<std::size_t>(coded_floats_max(codec_, static_cast<std::int64_t>(row.values.size())));
    // Nobody looks at the state as at whole numbers.
    const std::span<float> sums(reinterpret_cast<float*>(row.state.data()), most);
    decoded_.resize(most);
    if (row.first_of_clock && row.step > 0) take_away(row.values, sums);
    const std::size_t count = decode(codec_, row.update, decoded_);
    for (std::size_t i = 0; i < count; ++i) sums[i] += decoded_[i];
    encode(codec_, sums.first(count), row.values, std::span(decoded_).first(count));
  }

 private:
  /// What the last clock's sum did not show is left. A sum that was not finite leaves nothing.
  void take_away(std::span<const std::int32_t> shown, std::span<float> sums) {
    const std::size_t count = decode(codec_, shown, decoded_);
    for (std::size_t i = 0; i < count; ++i) {
      const float left = sums[i] - decoded_[i];
      sums[i] = std::isfinite(left) ? left : 0.0F;
    }
  }

  const Codec codec_;
  const std::size_t state_per_element_;
  std::vector<float> decoded_;
};

}  // namespace

std::string sum_of(Codec codec) { return "sum_of_" + std::string(name_of(codec)); }

std::unique_ptr<bosen::Updater<std::int32_t>> make_coded_sum(Codec codec) { return std::make_unique<CodedSum>(codec); }

void add_coded_sums(bosen::App& app) {
  for (const Codec codec : kCodecs) {
    if (codec == Codec::kFp32) continue;
    app.updater(sum_of(codec), [codec](const bosen::UpdaterOptions&) { return make_coded_sum(codec); });
  }
}

}  // namespace poseidon
