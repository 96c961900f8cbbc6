#include <cmath>

#include "bosen/core/updaters/gradient_updaters.h"

namespace bosen::core {
namespace {

template <class T>
class Adagrad final : public Updater<T> {
 public:
  explicit Adagrad(const UpdaterOptions& options)
      : learning_rate_(static_cast<T>(options.learning_rate)), epsilon_(static_cast<T>(options.epsilon)) {}

  [[nodiscard]] std::size_t state_per_element() const override { return 1; }

  void apply(const RowUpdate<T>& row) override {
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const T gradient = row.update[i];
      row.state[i] += gradient * gradient;
      row.values[i] -= learning_rate_ * gradient / (std::sqrt(row.state[i]) + epsilon_);
    }
  }

 private:
  const T learning_rate_;
  const T epsilon_;
};

}  // namespace

template <class T>
std::unique_ptr<Updater<T>> make_adagrad(const UpdaterOptions& options) {
  return std::make_unique<Adagrad<T>>(options);
}
template std::unique_ptr<Updater<float>> make_adagrad(const UpdaterOptions&);
template std::unique_ptr<Updater<double>> make_adagrad(const UpdaterOptions&);

}  // namespace bosen::core
