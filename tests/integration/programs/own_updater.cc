// An updater of the app's own: each element of a row becomes the largest that any worker sent, and the row's
// last element counts its updates. Every worker checks what it reads. Run alone, or by `bosen run` with any number of
// processes and servers.

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "bosen/bosen.h"

namespace {

constexpr int kWidth = 5;
constexpr bosen::RowId kRows = 7;

/// Scales by learning_rate, to show that options arrive; the last element counts the row's updates.
template <class T>
class Largest final : public bosen::Updater<T> {
 public:
  explicit Largest(const bosen::UpdaterOptions& options) : scale_(static_cast<T>(options.learning_rate)) {}

  [[nodiscard]] std::size_t state_per_element() const override { return 1; }

  void apply(const bosen::RowUpdate<T>& row) override {
    for (std::size_t i = 0; i + 1 < row.values.size(); ++i) {
      row.values[i] = std::max(row.values[i], scale_ * row.update[i]);
      row.state[i] += 1;
    }
    row.values.back() = row.state.front();
  }

 private:
  T scale_;
};

template <class T>
std::unique_ptr<bosen::Updater<T>> make_largest(const bosen::UpdaterOptions& options) {
  return std::make_unique<Largest<T>>(options);
}

/// What worker `id` sends in `clock`: not its largest first, and everybody's largest in some element.
template <class T>
std::vector<T> update_of(bosen::WorkerId id, bosen::Clock clock, bosen::RowId row) {
  std::vector<T> update(kWidth);
  for (int i = 0; i < kWidth; ++i) {
    update[static_cast<std::size_t>(i)] = static_cast<T>((7 * id + 3 * clock + 5 * (i + row)) % 23);
  }
  return update;
}

template <class T>
void check_row(const bosen::Table<T>& table, bosen::Worker& worker, bosen::RowId row, bosen::Clock clocks) {
  std::vector<T> expected(kWidth);
  for (bosen::WorkerId id = 0; id < worker.count(); ++id) {
    for (bosen::Clock clock = 0; clock < clocks; ++clock) {
      const std::vector<T> update = update_of<T>(id, clock, row);
      for (std::size_t i = 0; i < update.size(); ++i) expected[i] = std::max(expected[i], 2 * update[i]);
    }
  }
  expected.back() = static_cast<T>(worker.count() * clocks);
  const auto view = table.get(worker, row);
  if (std::equal(view.begin(), view.end(), expected.begin(), expected.end())) return;
  throw bosen::Error(
      bosen::ErrorKind::kData,
      fmt::format("worker {} at clock {}: row {} is not what its updates make it", worker.id(), clocks, row));
}

template <class T>
void check_rows(const bosen::Table<T>& table, bosen::Worker& worker) {
  for (bosen::RowId row = 0; row < kRows; ++row) check_row(table, worker, row, worker.clock());
}

template <class T>
void update_rows(const bosen::Table<T>& table, bosen::Worker& worker) {
  for (bosen::RowId row = 0; row < kRows; ++row) {
    const std::vector<T> update = update_of<T>(worker.id(), worker.clock(), row);
    table.inc(worker, row, std::span<const T>(update));
  }
}

}  // namespace

int main(int argc, char** argv) {
  bosen::App app("own_updater", "Checks an updater that the app brings");
  app.defaults().clocks = 6;
  app.defaults().consistency = bosen::Consistency::kBsp;
  app.updater("largest", make_largest<float>).updater("largest", make_largest<double>);
  return app.run(argc, argv, [](bosen::Cluster& cluster) {
    const bosen::UpdaterOptions largest{.name = "largest", .learning_rate = 2};
    const auto floats = cluster.create_table<float>("floats", {.width = kWidth, .updater = largest});
    const auto doubles = cluster.create_table<double>("doubles", {.width = kWidth, .updater = largest});
    cluster.run_workers([&](bosen::Worker& worker) {
      while (worker.clock() < cluster.options().clocks) {
        check_rows(floats, worker);
        check_rows(doubles, worker);
        update_rows(floats, worker);
        update_rows(doubles, worker);
        worker.advance();
      }
      check_rows(floats, worker);
      check_rows(doubles, worker);
    });
    if (cluster.rank() == 0) fmt::print("every row is what its updates make it\n");
  });
}
