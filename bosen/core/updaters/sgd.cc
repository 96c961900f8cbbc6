#include "bosen/core/updaters/gradient_updaters.h"

namespace bosen::core {
namespace {

template <class T>
class Sgd final : public Updater<T> {
 public:
  explicit Sgd(const UpdaterOptions& options)
      : learning_rate_(static_cast<T>(options.learning_rate)), momentum_(static_cast<T>(options.momentum)) {}

  [[nodiscard]] std::size_t state_per_element() const override { return momentum_ == T{0} ? 0 : 1; }

  void apply(const RowUpdate<T>& row) override {
    if (momentum_ == T{0}) {
      for (std::size_t i = 0; i < row.values.size(); ++i) row.values[i] -= learning_rate_ * row.update[i];
      return;
    }
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      row.state[i] = momentum_ * row.state[i] - learning_rate_ * row.update[i];
      row.values[i] += row.state[i];
    }
  }

 private:
  const T learning_rate_;
  const T momentum_;
};

}  // namespace

template <class T>
std::unique_ptr<Updater<T>> make_sgd(const UpdaterOptions& options) {
  return std::make_unique<Sgd<T>>(options);
}
template std::unique_ptr<Updater<float>> make_sgd(const UpdaterOptions&);
template std::unique_ptr<Updater<double>> make_sgd(const UpdaterOptions&);

}  // namespace bosen::core
