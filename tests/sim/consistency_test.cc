// The consistency test: every worker adds to "its" column, so that each read shows how much of every worker is visible,
// in jobs of every shape over networks with every fault, each drawn from a seed.
//
//     sim_consistency                    the seeds of CI (BOSEN_SIM_SEEDS or --seeds N says how many)
//     sim_consistency --seed N           one of them, with a line for every event

#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/simulation.h"

namespace bosen::testing {
namespace {

struct SeedOptions {
  std::uint64_t count = 2000;
  std::optional<std::uint64_t> only;
};
SeedOptions options;

TEST(Consistency, HoldsUnderEverySeed) {
  SimResult sum;
  const std::uint64_t first = options.only.value_or(1);
  const std::uint64_t last = options.only.value_or(options.count);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Scenario scenario = draw_scenario(seed);
    const SimResult result = simulate(scenario, options.only ? &std::cout : nullptr);
    EXPECT_EQ(result.problem, "") << "seed " << seed << ": " << describe(scenario)
                                  << "\n  replay: sim_consistency --seed " << seed;
    sum.events += result.events;
    sum.reads += result.reads;
    sum.misses += result.misses;
    sum.messages += result.messages;
    sum.saved += result.saved;
    sum.network.lost += result.network.lost;
    sum.network.duplicated += result.network.duplicated;
    sum.network.cuts += result.network.cuts;
    sum.network.retransmitted += result.network.retransmitted;
  }
  std::cout << last - first + 1 << " seeds: " << sum.events << " events, " << sum.reads << " reads, " << sum.misses
            << " misses, " << sum.saved << " rows saved, " << sum.messages << " channel messages, " << sum.network.lost
            << " frames lost, " << sum.network.duplicated << " repeated, " << sum.network.retransmitted
            << " sent again, " << sum.network.cuts << " connections cut\n";
  if (options.only || options.count < 100) return;
  // Half of what seeds have in the mean, or less: that they have not all become harmless.
  const auto seeds = static_cast<std::int64_t>(options.count);
  EXPECT_GT(sum.reads, 300 * seeds);
  EXPECT_GT(sum.misses, 100 * seeds);
  EXPECT_GT(sum.messages, 10 * seeds);
  EXPECT_GT(sum.saved, 5 * seeds);
  EXPECT_GT(sum.network.lost, 20 * seeds);
  EXPECT_GT(sum.network.duplicated, 20 * seeds);
  EXPECT_GT(sum.network.retransmitted, 30 * seeds);
  EXPECT_GT(sum.network.cuts, 500 * seeds);
}

TEST(Consistency, ASeedIsAlwaysTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Scenario scenario = draw_scenario(seed);
    const SimResult first = simulate(scenario);
    const SimResult second = simulate(scenario);
    EXPECT_EQ(first.trace_hash, second.trace_hash) << "seed " << seed;
    EXPECT_EQ(first.events, second.events) << "seed " << seed;
    EXPECT_NE(first.trace_hash, simulate(draw_scenario(seed + 1)).trace_hash) << "seed " << seed;
  }
}

std::uint64_t parse(std::string_view text, const char* what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) {
    std::cerr << what << " needs a positive number, not '" << text << "'\n";
    std::exit(2);
  }
  return value;
}

}  // namespace
}  // namespace bosen::testing

int main(int argc, char** argv) {
  using bosen::testing::options;
  ::testing::InitGoogleTest(&argc, argv);
  if (const char* seeds = std::getenv("BOSEN_SIM_SEEDS"))
    options.count = bosen::testing::parse(seeds, "BOSEN_SIM_SEEDS");
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--seed") {
      options.only = bosen::testing::parse(value, "--seed");
    } else if (flag == "--seeds") {
      options.count = bosen::testing::parse(value, "--seeds");
    } else {
      std::cerr << "unknown flag '" << flag << "': --seed N or --seeds N\n";
      return 2;
    }
    ++i;
  }
  return RUN_ALL_TESTS();
}
