// bosen-bench: whole rounds of table work, in the form in which other parameter servers can be measured too.
//
//   bosen-bench round --rows R --columns C --rounds N [--processes 2] [--workers W] [--consistency M] [--transport T]

#include <CLI/CLI.hpp>
#include <cstdio>

#include "bosen/error.h"
#include "tests/bench/rounds.h"

namespace {

void print(const bosen::bench::RoundOptions& options, double seconds) {
  const double rate = options.rounds / seconds;
  std::printf("%d worker(s), %d process(es), %d x %d floats, %s: %.0f rounds/s per worker, %.3f GB/s push plus pull\n",
              options.workers, options.processes, options.rows, options.columns, options.consistency.c_str(), rate,
              rate * options.bytes() / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures whole rounds of table work");
  app.require_subcommand(1);
  bosen::bench::RoundOptions options;
  CLI::App& round = *app.add_subcommand("round", "get and dense inc of every row, then a clock, staleness 0");
  round.add_option("--rows", options.rows, "rows of the table")->check(CLI::Range(1, 100'000'000));
  round.add_option("--columns", options.columns, "floats of a row")->check(CLI::Range(1, 100'000'000));
  round.add_option("--rounds", options.rounds, "rounds to measure")->check(CLI::Range(1, 1'000'000'000));
  round.add_option("--warm-up", options.warm_up, "rounds before that")->check(CLI::Range(0, 1'000'000'000));
  round.add_option("--processes", options.processes, "1: embedded; 2: one has the workers, one the shards")
      ->check(CLI::Range(1, 2));
  round.add_option("--workers", options.workers, "workers of the first process")->check(CLI::Range(1, 250));
  round.add_option("--shards", options.shards, "shards; 0: chosen automatically")->check(CLI::Range(0, 256));
  round.add_option("--consistency", options.consistency, "model")->check(CLI::IsMember({"bsp", "ssp", "essp", "asp"}));
  round.add_option("--transport", options.transport, "between processes")->check(CLI::IsMember({"tcp", "ipc"}));
  try {
    app.parse(argc, argv);
    print(options, bosen::bench::measure_rounds(options));
    return 0;
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "bosen-bench: %s (see bosen-bench round --help)\n", error.what());
    return bosen::exit_code(bosen::ErrorKind::kUsage);
  } catch (const bosen::Error& error) {
    std::fprintf(stderr, "bosen-bench: %s\n", error.what());
    return bosen::exit_code(error.kind());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bosen-bench: %s\n", error.what());
    return 1;
  }
}
