// Does one thing wrong, named by --case, the way an app could; each must end with one clear line and exit code 2.

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

#include "bosen/bosen.h"

namespace {

using bosen::Cluster;
using bosen::Worker;

class Throws final : public bosen::Updater<float> {
 public:
  [[nodiscard]] std::size_t state_per_element() const override { return 0; }
  void apply(const bosen::RowUpdate<float>& /*row*/) override {
    throw bosen::Error(bosen::ErrorKind::kData, "the update is not mine");
  }
};

std::unique_ptr<bosen::Updater<float>> make_throws(const bosen::UpdaterOptions& /*options*/) {
  return std::make_unique<Throws>();
}

std::unique_ptr<bosen::Updater<float>> make_nothing(const bosen::UpdaterOptions& /*options*/) {
  throw std::runtime_error("the file of weights\nis not there");
}

void misuse_tables(Cluster& cluster, const std::string& name) {
  if (name == "table-twice") {
    static_cast<void>(cluster.create_table<float>("same", {.width = 1}));
    static_cast<void>(cluster.create_table<float>("same", {.width = 1}));
  } else if (name == "other-width-on-another-rank") {
    static_cast<void>(cluster.create_table<float>("weights", {.width = 1 + cluster.rank()}));
  } else if (name == "other-name-on-another-rank") {
    static_cast<void>(cluster.create_table<float>(cluster.rank() == 0 ? "left" : "right", {.width = 1}));
  } else if (name == "one-table-more-on-another-rank") {
    if (cluster.rank() == 1) static_cast<void>(cluster.create_table<float>("extra", {.width = 1}));
    cluster.run_workers([](Worker&) {});
  } else if (name == "one-channel-more-on-another-rank") {
    if (cluster.rank() == 1) static_cast<void>(cluster.create_channel("extra"));
    cluster.run_workers([](Worker&) {});
  } else if (name == "no-width") {
    static_cast<void>(cluster.create_table<float>("weights", {}));
  } else if (name == "unknown-updater") {
    static_cast<void>(cluster.create_table<float>("weights", {.width = 1, .updater = {.name = "adamw"}}));
  } else if (name == "updater-of-integers") {
    static_cast<void>(cluster.create_table<std::int32_t>("counts", {.width = 1, .updater = {.name = "sgd"}}));
  } else if (name == "updater-that-cannot-be-made") {
    static_cast<void>(cluster.create_table<float>("weights", {.width = 1, .updater = {.name = "unmade"}}));
  } else if (name == "updater-throws") {
    const auto table = cluster.create_table<float>("weights", {.width = 1, .updater = {.name = "throws"}});
    cluster.run_workers([&](Worker& worker) { table.inc(worker, 7, 0, 1.0F); });
  } else if (name == "run-twice") {
    cluster.run_workers([](Worker&) {});
    cluster.run_workers([](Worker&) {});
  }
}

void misuse_rows(Cluster& cluster, const std::string& name) {
  const auto table = cluster.create_table<float>("weights", {.width = 4});
  const auto channel = cluster.create_channel("letters");
  if (name == "no-run-workers-on-another-rank" && cluster.rank() == 1) return;
  cluster.run_workers([&](Worker& worker) {
    fmt::print("worker {} runs in process {}\n", worker.id(), getpid());
    std::fflush(stdout);
    if (name == "column-out-of-range") {
      table.inc(worker, 7, 4, 1.0F);
    } else if (name == "wrong-length") {
      table.inc(worker, 7, std::vector<float>(3));
    } else if (name == "columns-without-values") {
      table.inc(worker, 7, std::vector<bosen::Column>(2), std::vector<float>(1));
    } else if (name == "advanced-twice") {
      table.advance(worker);
      table.advance(worker);
    } else if (name == "unknown-worker") {
      channel.send(worker, worker.count(), 0, {});
    } else if (name == "unmade-table") {
      static_cast<void>(bosen::SparseTable<float>().get(worker, 0));
    } else if (name == "unmade-channel") {
      static_cast<void>(bosen::Channel().try_receive(worker, 0));
    } else if (name == "barrier-of-one-worker") {
      if (worker.id() == 0) worker.barrier();
    } else if (name == "worker-throws") {
      if (worker.id() == 0) throw bosen::Error(bosen::ErrorKind::kData, "ratings.txt:12: not a number");
      for (bosen::Clock clock = 0; clock < 1000; ++clock) {
        static_cast<void>(table.get(worker, 0));
        worker.advance();
      }
    } else if (name == "never-waits") {
      for (;;) {
        table.inc(worker, 0, 0, 1.0F);
        worker.advance();
      }
    } else if (name == "computes-for-ever") {
      for (volatile bool goes_on = true; goes_on;) {
      }
    } else if (name == "waits-for-ever") {
      static_cast<void>(channel.receive(worker, 1));
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  std::string name;
  bosen::App app("misuse", "Does one thing wrong");
  app.updater("throws", make_throws).updater("unmade", make_nothing);
  app.option("case", &name, "what", {.required = true});
  return app.run(argc, argv, [&](Cluster& cluster) {
    misuse_tables(cluster, name);
    misuse_rows(cluster, name);
  });
}
