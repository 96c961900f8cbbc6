#pragma once

// What a shard does with the updates of a table. The default adds them; sgd, adagrad and adam take them as gradients;
// clock_sum, for `bsp`, keeps the sum of the last clock's updates of a row alone, so that workers can add up what they
// computed and each go on from the same sum.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>

namespace bosen {

/// Which updater a table uses, and its hyper-parameters. Each updater reads those that it names.
struct UpdaterOptions {
  std::string name = "add";     ///< add, sgd, adagrad, adam, clock_sum, or one that the app registered
  double learning_rate = 0.01;  ///< sgd, adagrad, adam
  double momentum = 0.0;        ///< sgd: v = momentum * v - learning_rate * g; w += v
  double decay1 = 0.9;          ///< adam: of the first moment
  double decay2 = 0.999;        ///< adam: of the second moment
  double epsilon = 1e-8;        ///< adagrad, adam: keeps the denominator from zero
  bool operator==(const UpdaterOptions&) const = default;
};

/// One update of one row, as an updater sees it.
template <class T>
struct RowUpdate {
  std::span<T> values;         ///< the row; to be changed in place
  std::span<const T> update;   ///< what a worker handed to `inc` in one clock, summed; as wide as the row
  std::span<T> state;          ///< the updater's own memory of the row, state_per_element() * width, zero at first
  std::int64_t step = 0;       ///< how many updates of this row came before
  bool first_of_clock = true;  ///< the update before had another timestamp; under bsp: none of this clock came before
  int workers = 1;             ///< of the whole job
};

/// Applies updates to rows. A shard calls its updater from one thread at a time.
template <class T>
class Updater {
 public:
  virtual ~Updater() = default;
  /// How many values of state each element of a row needs.
  [[nodiscard]] virtual std::size_t state_per_element() const = 0;
  virtual void apply(const RowUpdate<T>& row) = 0;
};

/// Makes an updater for one table on one shard.
template <class T>
using UpdaterFactory = std::function<std::unique_ptr<Updater<T>>(const UpdaterOptions&)>;

/// By their names.
template <class T>
using UpdaterFactories = std::map<std::string, UpdaterFactory<T>>;
/// For every type of elements.
using AllUpdaterFactories = std::tuple<UpdaterFactories<float>, UpdaterFactories<double>,
                                       UpdaterFactories<std::int32_t>, UpdaterFactories<std::int64_t>>;

}  // namespace bosen
