#include <cmath>

#include "bosen/core/updaters/gradient_updaters.h"

namespace bosen::core {
namespace {

template <class T>
class Adam final : public Updater<T> {
 public:
  explicit Adam(const UpdaterOptions& options) : options_(options) {}

  [[nodiscard]] std::size_t state_per_element() const override { return 2; }

  void apply(const RowUpdate<T>& row) override {
    const std::size_t count = row.values.size();
    const std::span<T> first = row.state.first(count);
    const std::span<T> second = row.state.last(count);
    const auto decay1 = static_cast<T>(options_.decay1);
    const auto decay2 = static_cast<T>(options_.decay2);
    const auto steps = static_cast<double>(row.step + 1);
    // Both corrections of the moments' bias towards zero are the same for the whole row.
    const double correction = std::sqrt(1 - std::pow(options_.decay2, steps)) / (1 - std::pow(options_.decay1, steps));
    const auto rate = static_cast<T>(options_.learning_rate * correction);
    const auto epsilon = static_cast<T>(options_.epsilon * std::sqrt(1 - std::pow(options_.decay2, steps)));
    for (std::size_t i = 0; i < count; ++i) {
      const T gradient = row.update[i];
      first[i] = decay1 * first[i] + (1 - decay1) * gradient;
      second[i] = decay2 * second[i] + (1 - decay2) * gradient * gradient;
      row.values[i] -= rate * first[i] / (std::sqrt(second[i]) + epsilon);
    }
  }

 private:
  const UpdaterOptions options_;
};

}  // namespace

template <class T>
std::unique_ptr<Updater<T>> make_adam(const UpdaterOptions& options) {
  return std::make_unique<Adam<T>>(options);
}
template std::unique_ptr<Updater<float>> make_adam(const UpdaterOptions&);
template std::unique_ptr<Updater<double>> make_adam(const UpdaterOptions&);

}  // namespace bosen::core
