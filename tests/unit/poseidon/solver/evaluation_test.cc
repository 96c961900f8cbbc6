#include "poseidon/solver/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "bosen/error.h"
#include "poseidon/backend/cpu/cpu_backend.h"
#include "poseidon/solver/loss_window.h"

namespace poseidon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NetSpec net(const std::string& data_param) {
  return parse_net_spec(
      "name: Tiny\nlayer:\n"
      "  - {name: images, type: Data, top: [data, label], data_param: {" +
          data_param +
          "}}\n"
          "  - {name: ip, type: InnerProduct, bottom: data, top: ip, "
          "inner_product_param: {num_output: 3, weight_filler: {type: xavier}}}\n"
          "  - {name: top1, type: Accuracy, bottom: [ip, label], top: top1, include: {phase: TEST}}\n"
          "  - {name: loss, type: SoftmaxWithLoss, bottom: [ip, label], top: loss}\n",
      "net.yaml");
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const bosen::Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TestBatchTest, DividesTheExamplesWhereItCan) {
  EXPECT_EQ(test_batch(100, 10000), 100);
  EXPECT_EQ(test_batch(64, 10000), 50);
  EXPECT_EQ(test_batch(64, 10007), 64);  // a prime
  EXPECT_EQ(test_batch(64, 20), 20);
  EXPECT_EQ(test_batch(1, 7), 1);
}

TEST(DataFeedTest, TellsDataWithoutATestPartFromNoData) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "bosen_data_feed_test";
  std::filesystem::create_directories(folder / "docs");
  std::filesystem::create_directories(folder / "data/train");
  const NetSpec spec = net("batch_size: 4");
  EXPECT_EQ(DataFeed(spec, folder / "data", 1, {Phase::kTest}).missing_test_part(), folder / "data/test");
  EXPECT_THAT(error_of([&] {
                const DataFeed feed(spec, folder / "docs", 1, {Phase::kTest});
                EXPECT_EQ(feed.missing_test_part(), "");
                static_cast<void>(feed.examples(Phase::kTest));
              }),
              HasSubstr("docs/test: is no data set: make one with 'poseidon data"));
  std::filesystem::remove_all(folder);
}

TEST(EvaluationTest, SharesBatchesBetweenWorkers) {
  const NetSpec spec = net("batch_size: 4, shape: [1, 2, 2], classes: 3");
  const DataFeed feed(spec, "synthetic", 1);
  CpuBackend backend(1);
  std::int64_t images = 0;
  for (int worker = 0; worker < 3; ++worker) {
    Evaluation evaluation({.spec = spec, .feed = feed, .worker = worker, .workers = 3, .batches = 8}, backend, nullptr);
    const EvaluationSums sums = evaluation.run();
    EXPECT_EQ(sums.images, worker < 2 ? 12 : 8);
    EXPECT_THAT(evaluation.names(), ElementsAre("top1"));
    EXPECT_EQ(sums.measures.size(), 1U);
    EXPECT_GT(sums.loss, 0);
    images += sums.images;
  }
  EXPECT_EQ(images, 32);
}

TEST(EvaluationTest, LooksAtEveryImageOnceWhereNoBatchDivides) {
  const NetSpec spec = net("batch_size: 97, shape: [1, 2, 2], classes: 3");
  const DataFeed feed(spec, "synthetic", 1);
  CpuBackend backend(1);
  for (const int workers : {1, 2, 3}) {
    std::int64_t images = 0;
    for (int worker = 0; worker < workers; ++worker) {
      Evaluation evaluation({.spec = spec, .feed = feed, .worker = worker, .workers = workers, .batch = 50}, backend,
                            nullptr);
      EXPECT_EQ(evaluation.images(), 97);
      images += evaluation.run().images;
      images += evaluation.run().images;
    }
    EXPECT_EQ(images, 2 * 97) << workers;
  }
}

TEST(LossWindowTest, IsTheSameWhenItsLastLossesAreAddedToAnother) {
  LossWindow window(3);
  for (const double loss : {0.1, 0.7, 0.3, 0.9, 0.2}) window.add(loss);
  EXPECT_THAT(window.last(), ElementsAre(0.3, 0.9, 0.2));
  LossWindow other(3);
  for (const double loss : window.last()) other.add(loss);
  for (LossWindow* each : {&window, &other}) each->add(0.6);
  EXPECT_EQ(other.mean(), window.mean());
}

TEST(DataFeedTest, SaysWhatIsMissing) {
  EXPECT_THAT(error_of([] { const DataFeed feed(net("batch_size: 4"), "", 1); }), HasSubstr("give --data DIR"));
  EXPECT_THAT(error_of([] { const DataFeed feed(net("batch_size: 4"), "synthetic", 1); }),
              testing::AllOf(HasSubstr("net.yaml:3:"), HasSubstr("data_param.shape")));
  const DataFeed feed(net("batch_size: 4"), "/nowhere/at/all", 1);
  EXPECT_THAT(error_of([&] { (void)feed.open(Phase::kTrain, {.batch = 4}); }), HasSubstr("/nowhere/at/all"));
}

TEST(DataFeedTest, MakesSyntheticBatchesAsLargeAsAskedFor) {
  const DataFeed feed(net("batch_size: 4, shape: [3, 8, 6], classes: 3"), "synthetic", 1);
  EXPECT_TRUE(feed.has(Phase::kTrain));
  EXPECT_EQ(feed.batch(Phase::kTrain), 4);
  const auto source = feed.open(Phase::kTrain, {.batch = 5});
  EXPECT_EQ(source->shape(), (Shape{5, 3, 8, 6}));
  EXPECT_EQ(source->next().labels.size(), 5U);
}

}  // namespace
}  // namespace poseidon
