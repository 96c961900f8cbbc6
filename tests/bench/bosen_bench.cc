// bosen-bench: whole rounds of table work, in the form in which other parameter servers can be measured too.
//
//   bosen-bench round --rows R --columns C --rounds N [--processes 2] [--workers W] [--consistency M] [--transport T]
//                     [--checkpoint-every K --output DIR]

#include <cstdio>

#include "bosen/commands.h"
#include "tests/bench/rounds.h"

namespace {

void print(const bosen::bench::RoundOptions& options, double seconds) {
  const double rate = options.rounds / seconds;
  std::printf("%d worker(s), %d process(es), %d x %d floats, %s: %.0f rounds/s per worker, %.3f GB/s push plus pull\n",
              options.workers, options.processes, options.rows, options.columns, options.consistency.c_str(), rate,
              rate * options.bytes() / 1e9);
}

int round_command(int argc, const char* const* argv) {
  bosen::bench::RoundOptions options;
  bosen::OptionReader reader("bosen-bench round", "Get and dense inc of every row, then a clock, staleness 0");
  const auto add = [&](const char* name, bosen::OptionTarget target, const char* help, bosen::OptionRule rule) {
    reader.add("Round", {name, std::move(target), help, std::move(rule)});
  };
  add("rows", &options.rows, "rows of the table", {.minimum = 1, .maximum = 100'000'000});
  add("columns", &options.columns, "floats of a row", {.minimum = 1, .maximum = 100'000'000});
  add("rounds", &options.rounds, "rounds to measure", {.minimum = 1, .maximum = 1'000'000'000});
  add("warm-up", &options.warm_up, "rounds before that", {.minimum = 0, .maximum = 1'000'000'000});
  add("processes", &options.processes, "1: embedded; 2: one has the workers, one the shards",
      {.minimum = 1, .maximum = 2});
  add("workers", &options.workers, "workers of the first process", {.minimum = 1, .maximum = 250});
  add("shards", &options.shards, "shards; 0: chosen automatically", {.minimum = 0, .maximum = 256});
  add("consistency", &options.consistency, "model", {.choices = {"bsp", "ssp", "essp", "asp"}});
  add("transport", &options.transport, "between processes", {.choices = {"tcp", "ipc", "shm"}});
  add("checkpoint-every", &options.checkpoint_every, "clocks between checkpoints; 0: none",
      {.minimum = 0, .maximum = 1'000'000'000});
  add("output", &options.output, "folder for checkpoints, where there are none yet", {.value_name = "DIR"});
  if (!bosen::read_flags(reader, argc, argv)) return 0;
  if (options.checkpoint_every > 0 && options.output.empty()) {
    throw bosen::Error(bosen::ErrorKind::kUsage, "--checkpoint-every needs --output DIR, the folder for checkpoints");
  }
  print(options, bosen::bench::measure_rounds(options));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return bosen::run_program({.name = "bosen-bench",
                             .description = "bosen-bench measures whole rounds of table work.\n",
                             .commands = {{"round", "get and dense inc of every row, then a clock", round_command}}},
                            argc, argv);
}
