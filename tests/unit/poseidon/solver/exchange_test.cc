// Several workers of one process train one small net, each on images of its own: what their parameters become by every
// way to exchange, on every backend.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <numeric>
#include <string>
#include <vector>

#include "bosen/app.h"
#include "poseidon/net_description.h"
#include "poseidon/solver/parameter_updater.h"
#include "poseidon/sync/coded_sum.h"
#include "poseidon/sync/wait_free_backprop.h"
#include "tests/unit/poseidon/backend/backend_under_test.h"

namespace poseidon {
namespace {

using testing::Each;
using testing::FloatNear;
using testing::Pointwise;

constexpr std::int64_t kBatch = 2;
constexpr std::int64_t kPixels = 6;

/// The same batch again and again.
class FixedSource final : public BatchSource {
 public:
  FixedSource(std::vector<float> images, std::vector<float> labels)
      : shape_{static_cast<std::int64_t>(labels.size()), kPixels, 1, 1}, batch_{std::move(images), std::move(labels)} {}
  [[nodiscard]] const Shape& shape() const override { return shape_; }
  [[nodiscard]] std::int64_t classes() const override { return 3; }
  [[nodiscard]] std::int64_t examples() const override { return shape_[0]; }
  const Batch& next() override { return batch_; }
  void seek(std::int64_t /*batches*/) override {}
  [[nodiscard]] double waited_s() const override { return 0; }

 private:
  Shape shape_;
  Batch batch_;
};

/// The images of workers `first` to `first + count - 1`.
FixedSource images_of(int first, int count, float scale) {
  std::vector<float> images;
  std::vector<float> labels;
  for (int example = first * kBatch; example < (first + count) * kBatch; ++example) {
    labels.push_back(static_cast<float>(example % 3));
    for (int pixel = 0; pixel < kPixels; ++pixel) {
      images.push_back(scale * static_cast<float>((example * 7 + pixel * 5) % 11));
    }
  }
  return {std::move(images), std::move(labels)};
}

NetSpec two_layers(int hidden) {
  return parse_net_spec(
      "name: Two\nlayer:\n"
      "  - {name: images, type: Data, top: [data, label], data_param: {batch_size: 2, shape: [6, 1, 1], classes: 3}}\n"
      "  - {name: ip1, type: InnerProduct, bottom: data, top: ip1, inner_product_param: "
      "{num_output: " +
          std::to_string(hidden) +
          ", weight_filler: {type: xavier}, bias_filler: {type: constant, value: 0.1}}}\n"
          "  - {name: relu1, type: ReLU, bottom: ip1, top: ip1}\n"
          "  - {name: ip2, type: InnerProduct, bottom: ip1, top: ip2, inner_product_param: "
          "{num_output: 3, weight_filler: {type: xavier}}}\n"
          "  - {name: loss, type: SoftmaxWithLoss, bottom: [ip2, label], top: loss}\n",
      "net.yaml");
}

std::vector<SyncLayer> layers_to_exchange(int hidden) {
  std::vector<SyncLayer> layers;
  for (const LayerDescription& layer : describe_net(two_layers(hidden), {}).layers) {
    if (layer.exchanged.empty()) continue;
    layers.push_back(
        {.layer = layer.layer,
         .name = layer.name,
         .sizes = layer.exchanged,
         .size = {.parameters = std::accumulate(layer.exchanged.begin(), layer.exchanged.end(), std::int64_t{0}),
                  .factor_inputs = layer.factor_inputs,
                  .factor_outputs = layer.factor_outputs,
                  .batch = layer.batch}});
  }
  return layers;
}

struct Course {
  int workers = 1;
  int workers_per_process = 1;  ///< as far as they know; they are all in one
  std::string consistency = "bsp";
  Scheme scheme = Scheme::kPs;
  Codec codec = Codec::kFp32;
  int hidden = 4;  ///< outputs of the first layer
  int iterations = 1;
  bool overlap = true;
  bool same_images = false;  ///< of worker 0, for all
  bool devices_add_up = false;
  float image_scale = 0.1F;
  ParameterUpdater::Options solver = {};
  std::function<void(const std::string&)> tell = {};
};

using Weights = std::vector<float>;

Weights weights_of(const Net& net, Backend& backend) {
  Weights weights;
  for (const std::unique_ptr<Layer>& layer : net.layers()) {
    for (const Parameter& parameter : layer->parameters()) {
      const auto first = weights.size();
      weights.resize(first + static_cast<std::size_t>(parameter.value.count()));
      backend.download(parameter.value, std::span(weights).subspan(first));
    }
  }
  return weights;
}

/// What one worker computes with.
struct Desk {
  Desk(int first_worker, int workers, const Course& course,
       test::BackendUnderTest backend = test::make_backend_under_test())
      : under_test(std::move(backend)),
        source(images_of(first_worker, workers, course.image_scale)),
        net(two_layers(course.hidden), {.batch = workers * kBatch}, *under_test.backend, &source),
        updater(net.layers(), *under_test.backend, course.solver) {}

  [[nodiscard]] Weights weights() const { return weights_of(net, *under_test.backend); }

  test::BackendUnderTest under_test;
  FixedSource source;
  Net net;
  ParameterUpdater updater;
};

class ExchangeTest : public testing::Test {
 protected:
  /// The weights of both layers, one after another, that every worker has at the end.
  std::vector<Weights> train(const Course& course) {
    std::vector<Weights> result(static_cast<std::size_t>(course.workers));
    run(course, [&](bosen::Worker& worker, WaitFreeBackprop& sync, Desk& desk) {
      for (int i = 0; i < course.iterations; ++i) iterate(sync, desk.net);
      worker.barrier();
      sync.catch_up();
      result[static_cast<std::size_t>(worker.id())] = desk.weights();
    });
    return result;
  }

  using Body = std::function<void(bosen::Worker&, WaitFreeBackprop&, Desk&)>;

  void run(const Course& course, const Body& body) {
    bosen::App app("test", "Trains");
    add_coded_sums(app);
    const std::string workers = std::to_string(course.workers);
    const std::vector<const char*> argv{"test", "--workers",     workers.c_str(),           "--staleness",
                                        "2",    "--consistency", course.consistency.c_str()};
    // bsp has no staleness.
    const int argc = static_cast<int>(argv.size());
    std::vector<std::unique_ptr<test::GroupUnderTest>> groups;  // by process
    if (course.devices_add_up) groups = groups_of(course.workers, course.workers_per_process);
    testing::internal::CaptureStderr();
    const int code = app.run(argc, argv.data(), [&](bosen::Cluster& cluster) {
      // As if workers were in several processes, so that there is a choice.
      const SyncPlan plan(cluster, layers_to_exchange(course.hidden), {.scheme = course.scheme, .codec = course.codec},
                          {.processes = cluster.workers() / course.workers_per_process,
                           .workers_per_process = course.workers_per_process});
      cluster.run_workers([&](bosen::Worker& worker) {
        test::GroupUnderTest* const group =
            groups.empty() ? nullptr : groups[static_cast<std::size_t>(worker.id() / course.workers_per_process)].get();
        work(course, plan, worker, group, body);
      });
    });
    EXPECT_EQ(code, 0) << testing::internal::GetCapturedStderr();
    if (code == 0) testing::internal::GetCapturedStderr();
  }

  static std::vector<std::unique_ptr<test::GroupUnderTest>> groups_of(int workers, int workers_per_process) {
    return test::make_groups_under_test(workers / workers_per_process, workers_per_process);
  }

  static void iterate(WaitFreeBackprop& sync, Net& net) {
    net.forward(&sync);
    net.backward(&sync);
    sync.end_iteration();
  }

  /// How near to each other two ways to the same are at least.
  static float near(double distance) {
    return static_cast<float>(std::max(distance, test::make_backend_under_test().tolerance));
  }

 private:
  static void work(const Course& course, const SyncPlan& plan, bosen::Worker& worker, test::GroupUnderTest* group,
                   const Body& body) {
    Desk desk(
        course.same_images ? 0 : worker.id(), 1, course,
        group == nullptr ? test::make_backend_under_test() : group->join(worker.id() % course.workers_per_process));
    WaitFreeBackprop sync(plan, worker, desk.net, *desk.under_test.backend, desk.updater,
                          {.overlap = course.overlap, .tell = course.tell});
    body(worker, sync, desk);
  }
};

/// What one worker makes of the images of all.
Weights alone(int workers, int iterations, const ParameterUpdater::Options& solver, int hidden = 4) {
  Desk desk(0, workers, {.hidden = hidden, .solver = solver});
  std::vector<int> learned;  // a device that folds the ReLU has a layer less
  for (int layer = 0; layer < static_cast<int>(desk.net.layers().size()); ++layer) {
    if (desk.updater.learns(layer)) learned.push_back(layer);
  }
  for (int i = 0; i < iterations; ++i) {
    desk.net.forward();
    desk.net.backward();
    desk.updater.gradients_ready(learned);
    if (desk.updater.needs_all_gradients()) desk.updater.prepare(learned, 1);
    desk.updater.update(learned, 1);
    desk.updater.end_iteration();
  }
  return desk.weights();
}

TEST_F(ExchangeTest, LearnsUnderBspWhatOneWorkerLearnsOfAllImages) {
  const ParameterUpdater::Options solver{
      .rule = {.momentum = 0.9}, .rate = {.base = 0.1}, .weight_decay = 0.01, .clip_gradients = 0.5};
  const Weights expected = alone(2, 3, solver);
  for (const Scheme scheme : {Scheme::kPs, Scheme::kSfb}) {
    for (const bool overlap : {true, false}) {
      const std::vector<Weights> ours =
          train({.workers = 2, .scheme = scheme, .iterations = 3, .overlap = overlap, .solver = solver});
      EXPECT_THAT(ours[0], Pointwise(FloatNear(near(1e-6)), expected));
      EXPECT_EQ(ours[1], ours[0]);
    }
  }
}

TEST_F(ExchangeTest, LearnsTheSameWhereWorkersOfAProcessAddUpFirst) {
  const ParameterUpdater::Options solver{.rule = {.momentum = 0.9}, .rate = {.base = 0.1}, .clip_gradients = 0.5};
  const Weights expected = alone(4, 3, solver);
  for (const int workers_per_process : {2, 4}) {
    for (const bool overlap : {true, false}) {
      const std::vector<Weights> ours = train({.workers = 4,
                                               .workers_per_process = workers_per_process,
                                               .iterations = 3,
                                               .overlap = overlap,
                                               .solver = solver});
      EXPECT_THAT(ours[0], Pointwise(FloatNear(near(1e-6)), expected));
      EXPECT_THAT(ours, Each(ours[0]));
    }
  }
}

TEST_F(ExchangeTest, LearnsTheSameWhereDevicesOfAProcessAddUp) {
  const ParameterUpdater::Options solver{.rule = {.momentum = 0.9}, .rate = {.base = 0.1}, .clip_gradients = 0.5};
  const Weights expected = alone(4, 3, solver);
  for (const int workers_per_process : {1, 2, 4}) {
    if (groups_of(4, workers_per_process).empty()) GTEST_SKIP() << "there are no devices that add up";
    for (const bool overlap : {true, false}) {
      const std::vector<Weights> ours = train({.workers = 4,
                                               .workers_per_process = workers_per_process,
                                               .iterations = 3,
                                               .overlap = overlap,
                                               .devices_add_up = true,
                                               .solver = solver});
      EXPECT_THAT(ours[0], Pointwise(FloatNear(near(1e-6)), expected));
      EXPECT_THAT(ours, Each(ours[0]));
    }
  }
}

/// So many that a codec is used.
constexpr int kManyHidden = 1500;

float largest_difference(const Weights& a, const Weights& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST_F(ExchangeTest, LearnsNearlyTheSameFromFewerBitsAndTheSameEverywhere) {
  const ParameterUpdater::Options solver{.rate = {.base = 0.02}};
  constexpr int kIterations = 20;
  const Weights exact = alone(4, kIterations, solver, kManyHidden);
  const float moved = largest_difference(exact, alone(4, 0, solver, kManyHidden));
  for (const bool devices_add_up : {false, true}) {
    if (devices_add_up && groups_of(4, 2).empty()) continue;
    for (const auto& [codec, scheme, share] :
         {std::tuple(Codec::kBf16, Scheme::kPs, 0.02F), std::tuple(Codec::kBf16, Scheme::kSfb, 0.05F),
          std::tuple(Codec::kFourBit, Scheme::kPs, 0.1F), std::tuple(Codec::kOneBit, Scheme::kPs, 0.5F)}) {
      if (devices_add_up && scheme == Scheme::kSfb) continue;
      const std::vector<Weights> ours = train({.workers = 4,
                                               .workers_per_process = 2,
                                               .scheme = scheme,
                                               .codec = codec,
                                               .hidden = kManyHidden,
                                               .iterations = kIterations,
                                               .devices_add_up = devices_add_up,
                                               .solver = solver});
      EXPECT_THAT(ours, Each(ours[0]));
      // Factors of a device that computes with bfloat16 lose nothing.
      if (scheme == Scheme::kPs) {
        EXPECT_NE(ours[0], exact) << name_of(codec);
      }
      EXPECT_LT(largest_difference(ours[0], exact), share * moved + near(1e-6)) << name_of(codec) << name_of(scheme);
    }
  }
}

TEST_F(ExchangeTest, LearnsTheSameWhenSchemesChangeOnTheWay) {
  const ParameterUpdater::Options solver{.rule = {.momentum = 0.9}, .rate = {.base = 0.1}};
  const std::vector<std::vector<Scheme>> schemes{{Scheme::kPs, Scheme::kSfb},
                                                 {Scheme::kSfb, Scheme::kPs},
                                                 {Scheme::kSfb, Scheme::kSfb},
                                                 {Scheme::kPs, Scheme::kPs}};
  for (const bool overlap : {true, false}) {
    std::vector<Weights> ours(2);
    const Course course{.workers = 2, .scheme = Scheme::kAuto, .overlap = overlap, .solver = solver};
    run(course, [&](bosen::Worker& worker, WaitFreeBackprop& sync, Desk& desk) {
      for (const std::vector<Scheme>& now : schemes) {
        sync.use(now);
        iterate(sync, desk.net);
      }
      sync.finish_all();
      ours[static_cast<std::size_t>(worker.id())] = desk.weights();
    });
    EXPECT_THAT(ours[0], Pointwise(FloatNear(near(1e-6)), alone(2, 4, solver)));
    EXPECT_EQ(ours[1], ours[0]);
  }
}

TEST_F(ExchangeTest, SettlesSchemesOnceAndLearnsTheSameMeanwhile) {
  const ParameterUpdater::Options solver{.rule = {.momentum = 0.9}, .rate = {.base = 0.01}};
  constexpr int kIterations = 40;  // more than measuring and all trials take
  std::vector<std::string> told;   // by worker 0 alone
  const std::vector<Weights> ours = train({.workers = 3,
                                           .scheme = Scheme::kAuto,
                                           .iterations = kIterations,
                                           .solver = solver,
                                           .tell = [&](const std::string& text) { told.push_back(text); }});
  EXPECT_THAT(told, testing::ElementsAre(testing::HasSubstr("MB/s between processes")));
  EXPECT_THAT(ours[0], Pointwise(FloatNear(near(1e-5)), alone(3, kIterations, solver)));
  EXPECT_EQ(ours[1], ours[0]);
  EXPECT_EQ(ours[2], ours[0]);
}

TEST_F(ExchangeTest, DecaysWeightsOnceAClockHoweverManyWorkersAreStale) {
  // Without a pixel weights have no gradient: all that is left is the decay. That of biases is the same for all.
  Course course{.same_images = true, .image_scale = 0, .solver = {.rate = {.base = 0.5}, .weight_decay = 0.1}};
  const Weights expected = train(course)[0];
  course.workers = 4;
  course.consistency = "ssp";
  for (const Weights& ours : train(course)) EXPECT_THAT(ours, Pointwise(FloatNear(near(1e-6)), expected));
}

TEST_F(ExchangeTest, StaleWorkersThatAgreeStepAsFarAsOneWorker) {
  for (const UpdateRule::Kind kind : {UpdateRule::Kind::kSgd, UpdateRule::Kind::kAdaGrad, UpdateRule::Kind::kAdam}) {
    for (const double clip : {0.0, 0.1}) {
      Course course{.same_images = true,
                    .solver = {.rule = {.kind = kind, .momentum = 0.9}, .rate = {.base = 0.1}, .clip_gradients = clip}};
      const Weights expected = train(course)[0];
      course.workers = 4;
      course.consistency = "ssp";
      for (const Weights& ours : train(course)) EXPECT_THAT(ours, Pointwise(FloatNear(near(1e-5)), expected));
    }
  }
}

TEST_F(ExchangeTest, ShowsTheWorkOfAllStaleWorkersAtTheEnd) {
  for (const bool overlap : {true, false}) {
    std::latch first_has_ended(1);
    std::vector<Weights> ours(2);
    const Course course{
        .workers = 2, .consistency = "ssp", .overlap = overlap, .solver = {.rate = {.base = 0.1}, .clip_gradients = 9}};
    run(course, [&](bosen::Worker& worker, WaitFreeBackprop& sync, Desk& desk) {
      if (worker.id() == 1) first_has_ended.wait();
      iterate(sync, desk.net);
      if (worker.id() == 0) first_has_ended.count_down();
      worker.barrier();
      sync.catch_up();
      ours[static_cast<std::size_t>(worker.id())] = desk.weights();
    });
    EXPECT_THAT(ours[0], Pointwise(FloatNear(near(1e-6)), alone(2, 1, course.solver)));
    EXPECT_EQ(ours[1], ours[0]);
  }
}

}  // namespace
}  // namespace poseidon
