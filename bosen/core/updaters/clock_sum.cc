#include <algorithm>

#include "bosen/core/updaters/gradient_updaters.h"

namespace bosen::core {
namespace {

template <class T>
class ClockSum final : public Updater<T> {
 public:
  [[nodiscard]] std::size_t state_per_element() const override { return 0; }

  void apply(const RowUpdate<T>& row) override {
    if (row.first_of_clock) {
      std::copy(row.update.begin(), row.update.end(), row.values.begin());
    } else {
      for (std::size_t i = 0; i < row.values.size(); ++i) row.values[i] += row.update[i];
    }
  }
};

}  // namespace

template <class T>
std::unique_ptr<Updater<T>> make_clock_sum(const UpdaterOptions& /*options*/) {
  return std::make_unique<ClockSum<T>>();
}
template std::unique_ptr<Updater<float>> make_clock_sum(const UpdaterOptions&);
template std::unique_ptr<Updater<double>> make_clock_sum(const UpdaterOptions&);

}  // namespace bosen::core
