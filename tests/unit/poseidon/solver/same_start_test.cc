#include "poseidon/solver/same_start.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "bosen/bosen.h"

namespace poseidon {
namespace {

/// What each of three workers says to its own values: "" or what is thrown.
std::vector<std::string> answers(const std::array<std::vector<StartValue>, 3>& values) {
  bosen::App app("start", "");
  app.defaults().workers = 3;
  const std::array argv{"start"};
  std::vector<std::string> answers(3);
  const int code = app.run(1, argv.data(), [&](bosen::Cluster& cluster) {
    const bosen::Channel channel = cluster.create_channel("start");
    cluster.run_workers([&](bosen::Worker& worker) {
      const auto number = static_cast<std::size_t>(worker.id());
      try {
        expect_same_start(channel, worker, values[number]);
      } catch (const bosen::Error& error) {
        EXPECT_EQ(error.kind(), bosen::ErrorKind::kConfiguration);
        answers[number] = error.what();
      }
    });
  });
  EXPECT_EQ(code, 0);
  return answers;
}

TEST(SameStartTest, IsSilentWhereAllBeginAlike) {
  const std::vector<StartValue> values{{"the seed", "7"}, {"the checksum", "none"}};
  EXPECT_EQ(answers({values, values, values}), std::vector<std::string>(3));
}

TEST(SameStartTest, SaysWhatDiffersAtWhom) {
  const std::vector<StartValue> usual{{"the seed", "7"}, {"the checksum", "01ab"}};
  const std::vector<StartValue> other{{"the seed", "7"}, {"the checksum", "none"}};
  EXPECT_EQ(answers({usual, usual, other}),
            (std::vector<std::string>{"", "",
                                      "the checksum is none at worker 2 and 01ab at worker 0: start every process with "
                                      "the same files and flags"}));
}

}  // namespace
}  // namespace poseidon
