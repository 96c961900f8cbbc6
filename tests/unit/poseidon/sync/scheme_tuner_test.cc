#include "poseidon/sync/scheme_tuner.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "bosen/bosen.h"
#include "poseidon/sync/coded_sum.h"

namespace poseidon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Activity = Timeline::Activity;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kLayers = 3;  // one without parameters before the two that learn

/// Seconds that a layer adds to an iteration by either scheme, in what the worker does and beside that.
struct Work {
  std::int64_t sfb_s = 0;
  std::int64_t ps_s = 0;
  std::int64_t ps_beside_s = 0;
  std::int64_t ps_backward_s = 0;
};

struct Course {
  std::vector<Scheme> first, last;
  int trials = 0;
  std::string conclusion;
};

class SchemeTunerTest : public testing::Test {
 protected:
  /// Two workers in two processes (as the plan sees it), with two layers of 100 x 100 that learn, whose factors are
  /// smaller than they: `work` is of each.
  static std::vector<Course> train(const std::vector<Work>& work, Timeline::Track track = Timeline::Track::kHost) {
    std::vector<Course> courses(2);
    bosen::App app("test", "Tunes");
    const std::vector<const char*> argv{"test", "--workers", "2", "--consistency", "bsp"};
    const int code = app.run(static_cast<int>(argv.size()), argv.data(), [&](bosen::Cluster& cluster) {
      const SyncPlan plan(cluster, layers(), {}, {.processes = 2});
      cluster.run_workers([&](bosen::Worker& worker) {
        courses[static_cast<std::size_t>(worker.id())] = run(plan, worker, work, track);
      });
    });
    EXPECT_EQ(code, 0);
    return courses;
  }

 private:
  static std::vector<SyncLayer> layers() {
    const LayerSize size{.parameters = 10'000, .factor_inputs = 100, .factor_outputs = 100, .batch = 10};
    return {{.layer = 1, .name = "ip1", .sizes = {10'000}, .size = size},
            {.layer = 2, .name = "ip2", .sizes = {10'000}, .size = size}};
  }

  static Course run(const SyncPlan& plan, bosen::Worker& worker, const std::vector<Work>& work, Timeline::Track track) {
    const bool beside = track == Timeline::Track::kDevice;
    SchemeTuner tuner(plan, {.model = {.sends_beside = beside}, .numbers = {1, 2}, .layers = kLayers});
    Course course;
    std::vector<Scheme> schemes{plan.layers()[0].scheme, plan.layers()[1].scheme};
    course.first = schemes;
    std::int64_t now_ns = 0;
    for (std::int64_t iteration = 0; !tuner.is_settled() && iteration < 100; ++iteration) {
      const auto add = [&](Activity activity, int layer, std::int64_t seconds) {
        tuner.add({.activity = activity,
                   .layer = layer,
                   .iteration = iteration,
                   .end_ns = seconds * kSecond,
                   .track = track});
        // What a host says that only asks a device to do it.
        if (beside) tuner.add({.activity = activity, .layer = layer, .iteration = iteration, .end_ns = 99 * kSecond});
      };
      for (int layer = 0; layer < kLayers; ++layer) add(Activity::kForward, layer, 1);
      add(Activity::kBackward, 0, 2);
      now_ns += (kLayers + 2) * kSecond;
      for (std::size_t i = 0; i < work.size(); ++i) {
        const int layer = static_cast<int>(i) + 1;
        const bool is_sfb = schemes[i] == Scheme::kSfb;
        const std::int64_t backward_s = 2 + (is_sfb ? 0 : work[i].ps_backward_s);
        const std::int64_t combine_s = is_sfb ? work[i].sfb_s : work[i].ps_s;
        add(Activity::kBackward, layer, backward_s);
        add(Activity::kCombine, layer, combine_s);
        now_ns += (backward_s + combine_s + (is_sfb ? 0 : work[i].ps_beside_s)) * kSecond;
      }
      tuner.end_iteration(iteration, now_ns);
      if (!tuner.is_due()) continue;
      schemes = tuner.decide(worker);
      if (!tuner.is_settled()) ++course.trials;
    }
    course.last = schemes;
    course.conclusion = tuner.conclusion();
    return course;
  }
};

TEST_F(SchemeTunerTest, StaysWithWhatBytesSayWhereNothingElseCounts) {
  for (const Course& course : train({{.sfb_s = 0, .ps_s = 5}, {.sfb_s = 0, .ps_s = 5}})) {
    EXPECT_THAT(course.first, ElementsAre(Scheme::kSfb, Scheme::kSfb));
    EXPECT_THAT(course.last, ElementsAre(Scheme::kSfb, Scheme::kSfb));
    EXPECT_EQ(course.trials, 0);
  }
}

TEST_F(SchemeTunerTest, ChangesTheLayerWhoseFactorsTakeLongerThanItsSums) {
  const std::vector<Course> courses = train({{.sfb_s = 0, .ps_s = 0}, {.sfb_s = 5, .ps_s = 1}});
  for (const Course& course : courses) {
    EXPECT_THAT(course.last, ElementsAre(Scheme::kSfb, Scheme::kPs));
    EXPECT_EQ(course.trials, 1);
  }
  EXPECT_THAT(courses[0].conclusion, HasSubstr("ip2 by ps: 1e+04 ms an iteration instead of 1.4e+04"));
  EXPECT_EQ(courses[1].conclusion, "");
}

TEST_F(SchemeTunerTest, GoesBackWhereTheTrialWasNoFaster) {
  const std::vector<Course> courses = train({{.sfb_s = 2, .ps_s = 3}, {.sfb_s = 0, .ps_s = 0}});
  for (const Course& course : courses) {
    EXPECT_THAT(course.last, ElementsAre(Scheme::kSfb, Scheme::kSfb));
    EXPECT_EQ(course.trials, 1);
  }
  EXPECT_THAT(courses[0].conclusion, HasSubstr("keeping the schemes chosen by bytes, 1.1e+04 ms an iteration"));
}

TEST_F(SchemeTunerTest, LeavesTheTrialToTheLayerThatSaves) {
  for (const Course& course : train({{.sfb_s = 2, .ps_s = 20}, {.sfb_s = 5, .ps_s = 1}})) {
    EXPECT_THAT(course.last, ElementsAre(Scheme::kSfb, Scheme::kPs));
    EXPECT_EQ(course.trials, 2);
  }
}

TEST_F(SchemeTunerTest, TakesALayerOutOfAGoodTrialThatSavesNothing) {
  // Both together are faster than before; the second alone is faster still.
  for (const Course& course : train({{.sfb_s = 4, .ps_s = 1, .ps_backward_s = 4}, {.sfb_s = 5, .ps_s = 1}})) {
    EXPECT_THAT(course.last, ElementsAre(Scheme::kSfb, Scheme::kPs));
    EXPECT_EQ(course.trials, 2);
  }
}

TEST_F(SchemeTunerTest, BelievesTheClockAndNotWhatLayersShow) {
  for (const Course& course : train({{.sfb_s = 2, .ps_s = 0, .ps_beside_s = 3}, {}})) {
    EXPECT_THAT(course.last, ElementsAre(Scheme::kSfb, Scheme::kSfb));
    EXPECT_EQ(course.trials, 1);
  }
}

TEST_F(SchemeTunerTest, LooksAtTheDeviceWhereThatComputes) {
  for (const Course& course : train({{.sfb_s = 5, .ps_s = 1}, {.sfb_s = 0, .ps_s = 0}}, Timeline::Track::kDevice)) {
    EXPECT_THAT(course.last, ElementsAre(Scheme::kPs, Scheme::kSfb));
  }
}

TEST_F(SchemeTunerTest, HasNothingToDoWithinOneProcessOrWhereItWasSettled) {
  bosen::App app("test", "Tunes");
  const std::vector<const char*> argv{"test", "--workers", "2", "--consistency", "bsp"};
  const int code = app.run(static_cast<int>(argv.size()), argv.data(), [&](bosen::Cluster& cluster) {
    const SyncLayer layer{.layer = 0,
                          .name = "ip",
                          .sizes = {10'000},
                          .size = {.parameters = 10'000, .factor_inputs = 100, .factor_outputs = 100, .batch = 10}};
    EXPECT_FALSE(SyncPlan(cluster, {layer}, {}).may_change());
    SyncLayer other = layer;
    other.name = "ip2";
    const SettledSchemes settled{.processes = 2, .workers = 2, .layers = {{"ip2", Scheme::kPs}}};
    const SyncPlan plan(cluster, {other}, {.settled = settled}, {.processes = 2});
    EXPECT_FALSE(plan.may_change());
    EXPECT_EQ(plan.layers()[0].scheme, Scheme::kPs);
    other.name = "ip3";  // for other processes it would not count
    const SettledSchemes elsewhere{.processes = 4, .workers = 4, .layers = {{"ip3", Scheme::kPs}}};
    EXPECT_TRUE(SyncPlan(cluster, {other}, {.settled = elsewhere}, {.processes = 2}).may_change());
  });
  EXPECT_EQ(code, 0);
}

TEST_F(SchemeTunerTest, SettlesSchemesForOneCodec) {
  bosen::App app("test", "Tunes");
  add_coded_sums(app);
  const std::vector<const char*> argv{"test", "--workers", "2", "--consistency", "bsp"};
  const int code = app.run(static_cast<int>(argv.size()), argv.data(), [&](bosen::Cluster& cluster) {
    SyncLayer layer{.layer = 0,
                    .name = "ip1",
                    .sizes = {10'000},
                    .size = {.parameters = 10'000, .factor_inputs = 100, .factor_outputs = 100, .batch = 10}};
    SettledSchemes settled{.processes = 2, .workers = 2, .codec = Codec::kBf16, .layers = {{"ip1", Scheme::kPs}}};
    EXPECT_FALSE(
        SyncPlan(cluster, {layer}, {.codec = Codec::kBf16, .settled = settled}, {.processes = 2}).may_change());
    layer.name = "ip2";
    settled.layers = {{"ip2", Scheme::kPs}};
    EXPECT_TRUE(
        SyncPlan(cluster, {layer}, {.codec = Codec::kOneBit, .settled = settled}, {.processes = 2}).may_change());
  });
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace poseidon
