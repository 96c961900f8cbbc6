#include "bosen/core/updaters/row_updater.h"

#include <utility>

#include "bosen/base/error.h"
#include "bosen/core/updaters/gradient_updaters.h"

namespace bosen::core {
namespace {

template <class T>
class TypedRowUpdater final : public RowUpdater {
 public:
  TypedRowUpdater(std::unique_ptr<Updater<T>> updater, int workers) : updater_(std::move(updater)), workers_(workers) {}

  [[nodiscard]] std::size_t state_bytes(std::size_t count) const override {
    return count * updater_->state_per_element() * sizeof(T);
  }

  void apply(std::byte* values, const std::byte* update, std::byte* state, std::size_t count, std::int64_t step,
             bool first_of_clock) override {
    updater_->apply({.values = {reinterpret_cast<T*>(values), count},
                     .update = {reinterpret_cast<const T*>(update), count},
                     .state = {reinterpret_cast<T*>(state), count * updater_->state_per_element()},
                     .step = step,
                     .first_of_clock = first_of_clock,
                     .workers = workers_});
  }

 private:
  std::unique_ptr<Updater<T>> updater_;
  const int workers_;
};

template <class T>
void add_factory(std::map<std::string, UpdaterFactory<T>>& factories, const std::string& name,
                 UpdaterFactory<T> factory) {
  if (name == "add" || !factories.emplace(name, std::move(factory)).second) {
    throw Error(ErrorKind::kUsage, "an updater named '" + name + "' exists already: choose another name");
  }
}

}  // namespace

UpdaterCatalog::UpdaterCatalog()
    : float_{{"sgd", make_sgd<float>},
             {"adagrad", make_adagrad<float>},
             {"adam", make_adam<float>},
             {"clock_sum", make_clock_sum<float>}},
      double_{{"sgd", make_sgd<double>},
              {"adagrad", make_adagrad<double>},
              {"adam", make_adam<double>},
              {"clock_sum", make_clock_sum<double>}} {}

void UpdaterCatalog::add(const std::string& name, UpdaterFactory<float> factory) {
  add_factory(float_, name, std::move(factory));
}

void UpdaterCatalog::add(const std::string& name, UpdaterFactory<double> factory) {
  add_factory(double_, name, std::move(factory));
}

std::string UpdaterCatalog::problem(const UpdaterOptions& options, ElementType element, RowKind kind,
                                    Consistency consistency) const {
  if (options.name == "add") return {};
  if (!float_.contains(options.name) && !double_.contains(options.name)) {
    std::string known = "add";
    for (const auto& [name, factory] : float_) known += ", " + name;
    return "unknown updater '" + options.name + "': this program knows " + known;
  }
  if (kind == RowKind::kSparse) return "updater '" + options.name + "' needs a dense table";
  if (options.name == "clock_sum" && consistency != Consistency::kBsp) {
    return "updater 'clock_sum' needs consistency bsp, which alone knows whose updates make up a clock";
  }
  const bool fits = (element == ElementType::kFloat && float_.contains(options.name)) ||
                    (element == ElementType::kDouble && double_.contains(options.name));
  return fits ? "" : "updater '" + options.name + "' does not work on elements of this type";
}

std::unique_ptr<RowUpdater> UpdaterCatalog::make(const UpdaterOptions& options, ElementType element,
                                                 int workers) const {
  if (options.name == "add") return nullptr;
  if (element == ElementType::kFloat) {
    return std::make_unique<TypedRowUpdater<float>>(float_.at(options.name)(options), workers);
  }
  return std::make_unique<TypedRowUpdater<double>>(double_.at(options.name)(options), workers);
}

}  // namespace bosen::core
