// Every worker adds 1 to its element of one row each clock.

#include <bosen/bosen.h>

#include <cstdio>

int main(int argc, char** argv) {
  return bosen::run(argc, argv, [](bosen::Cluster& cluster) {
    auto counts = cluster.create_table<float>("counts", {.width = cluster.workers()});
    cluster.run_workers([&](bosen::Worker& worker) {
      while (worker.clock() < cluster.options().clocks) {
        counts.inc(worker, 0, static_cast<bosen::Column>(worker.id()), 1.0F);
        worker.advance();
      }
      worker.barrier();
      const float mine = counts.get(worker, 0)[static_cast<std::size_t>(worker.id())];
      std::printf("worker %d counted %g\n", static_cast<int>(worker.id()), static_cast<double>(mine));
    });
  });
}
