#include "bosen/core/updaters/row_updater.h"

#include <set>
#include <tuple>
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
void add_factory(AllUpdaterFactories& factories, const std::string& name, UpdaterFactory<T> factory) {
  if (name == "add" || !std::get<UpdaterFactories<T>>(factories).emplace(name, std::move(factory)).second) {
    throw Error(ErrorKind::kUsage, "an updater named '" + name + "' exists already: choose another name");
  }
}

template <class T>
UpdaterFactories<T> gradient_updaters() {
  return {{"sgd", make_sgd<T>}, {"adagrad", make_adagrad<T>}, {"adam", make_adam<T>}, {"clock_sum", make_clock_sum<T>}};
}

/// Calls visit(the factories for such elements).
template <class Visit>
auto with_factories(const AllUpdaterFactories& factories, ElementType element, const Visit& visit) {
  switch (element) {
    case ElementType::kFloat:
      break;
    case ElementType::kDouble:
      return visit(std::get<UpdaterFactories<double>>(factories));
    case ElementType::kInt32:
      return visit(std::get<UpdaterFactories<std::int32_t>>(factories));
    case ElementType::kInt64:
      return visit(std::get<UpdaterFactories<std::int64_t>>(factories));
  }
  return visit(std::get<UpdaterFactories<float>>(factories));
}

std::set<std::string> all_names(const AllUpdaterFactories& factories) {
  std::set<std::string> names;
  const auto add = [&](const auto& of_type) {
    for (const auto& [name, factory] : of_type) names.insert(name);
  };
  std::apply([&](const auto&... of_type) { (add(of_type), ...); }, factories);
  return names;
}

}  // namespace

UpdaterCatalog::UpdaterCatalog() : factories_{gradient_updaters<float>(), gradient_updaters<double>(), {}, {}} {}

void UpdaterCatalog::add(const std::string& name, UpdaterFactory<float> factory) {
  add_factory(factories_, name, std::move(factory));
}

void UpdaterCatalog::add(const std::string& name, UpdaterFactory<double> factory) {
  add_factory(factories_, name, std::move(factory));
}

void UpdaterCatalog::add(const std::string& name, UpdaterFactory<std::int32_t> factory) {
  add_factory(factories_, name, std::move(factory));
}

void UpdaterCatalog::add(const std::string& name, UpdaterFactory<std::int64_t> factory) {
  add_factory(factories_, name, std::move(factory));
}

std::string UpdaterCatalog::problem(const UpdaterOptions& options, ElementType element, RowKind kind,
                                    Consistency consistency) const {
  if (options.name == "add") return {};
  if (const std::set<std::string> names = all_names(factories_); !names.contains(options.name)) {
    std::string known = "add";
    for (const std::string& name : names) known += ", " + name;
    return "unknown updater '" + options.name + "': this program knows " + known;
  }
  if (kind == RowKind::kSparse) return "updater '" + options.name + "' needs a dense table";
  if (options.name == "clock_sum" && consistency != Consistency::kBsp) {
    return "updater 'clock_sum' needs consistency bsp, which alone knows whose updates make up a clock";
  }
  const bool fits =
      with_factories(factories_, element, [&](const auto& of_type) { return of_type.contains(options.name); });
  return fits ? "" : "updater '" + options.name + "' does not work on elements of this type";
}

std::unique_ptr<RowUpdater> UpdaterCatalog::make(const UpdaterOptions& options, ElementType element,
                                                 int workers) const {
  if (options.name == "add") return nullptr;
  return with_factories(factories_, element,
                        [&]<class T>(const UpdaterFactories<T>& of_type) -> std::unique_ptr<RowUpdater> {
                          return std::make_unique<TypedRowUpdater<T>>(of_type.at(options.name)(options), workers);
                        });
}

}  // namespace bosen::core
