#include "apps/lda/model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "apps/lda/slice.h"
#include "tests/support/error_message.h"

namespace lda {
namespace {

/// Topic 0 is of fruit, topic 1 of metals.
Model fruit_and_metals() {
  return {.topics = 2,
          .alpha = 0.1,
          .beta = 0.01,
          .vocabulary = Vocabulary({"apple", "iron", "pear", "tin"}),
          .word_topic = {30, 0, 0, 10, 20, 0, 0, 10}};
}

class ModelTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string problem() const {
    return error_message([this] { read_model(folder_); });
  }

  const std::string folder_ = testing::TempDir() + "lda_model_" + std::to_string(::getpid());
};

TEST_F(ModelTest, IsReadAsItWasWritten) {
  write_model(folder_, fruit_and_metals());
  const Model model = read_model(folder_);
  EXPECT_EQ(model.topics, 2);
  EXPECT_DOUBLE_EQ(model.beta, 0.01);
  EXPECT_EQ(model.vocabulary.texts(), fruit_and_metals().vocabulary.texts());
  EXPECT_EQ(model.word_topic, fruit_and_metals().word_topic);
}

TEST_F(ModelTest, StaysWhereAnotherCannotBeWrittenWhole) {
  write_model(folder_, fruit_and_metals());
  Model other = fruit_and_metals();
  other.word_topic.front() = 77;
  for (const char* name : {"vocabulary.txt", "model.yaml"}) {
    const std::string in_the_way = folder_ + "/" + name + ".partial";
    std::filesystem::create_directories(in_the_way + "/folder");
    EXPECT_EQ(error_message([&] { write_model(folder_, other); }), "cannot write '" + in_the_way + "'");
    EXPECT_EQ(read_model(folder_).word_topic, fruit_and_metals().word_topic);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/counts.npy.partial"));
    std::filesystem::remove_all(in_the_way);
  }
  write_model(folder_, other);
  EXPECT_EQ(read_model(folder_).word_topic, other.word_topic);
}

TEST_F(ModelTest, SaysWhichOfItsFilesIsWrong) {
  EXPECT_NE(problem().find("model.yaml"), std::string::npos);
  write_model(folder_, fruit_and_metals());
  std::filesystem::resize_file(folder_ + "/counts.npy", 40);
  EXPECT_NE(problem().find("counts.npy: "), std::string::npos) << problem();
  write_model(folder_, fruit_and_metals());
  std::ofstream(folder_ + "/vocabulary.txt") << "apple\n";
  EXPECT_NE(problem().find("counts.npy: does not fit the vocabulary"), std::string::npos) << problem();
  std::ofstream(folder_ + "/model.yaml") << "topics: many\n";
  EXPECT_NE(problem().find("model.yaml:1:9"), std::string::npos) << problem();
}

TEST_F(ModelTest, RefusesPriorsThatGiveUnseenWordsNoProbability) {
  write_model(folder_, fruit_and_metals());
  std::ofstream(folder_ + "/model.yaml") << "topics: 2\nalpha: 0\nbeta: 0.1\n";
  EXPECT_NE(problem().find("model.yaml:2:8: model.alpha: must be"), std::string::npos) << problem();
  std::ofstream(folder_ + "/model.yaml") << "topics: 2\nalpha: 0.1\nbeta: 0\n";
  EXPECT_NE(problem().find("model.yaml:3:7: model.beta: must be"), std::string::npos) << problem();
}

TEST_F(ModelTest, NamesTheLargestTopicFirstByItsMostFrequentWords) {
  const std::vector<TopicSummary> topics = summarize(fruit_and_metals(), 3);
  ASSERT_EQ(topics.size(), 2U);
  EXPECT_EQ(topics[0].topic, 0);
  EXPECT_NEAR(topics[0].share, 50.0 / 70, 1e-12);
  EXPECT_EQ(topics[0].words, (std::vector<std::string>{"apple", "pear"}));
  EXPECT_EQ(topics[1].words, (std::vector<std::string>{"iron", "tin"}));
}

TEST(FoldInTest, FindsTheMixtureOfADocument) {
  const TopicWords topics = fruit_and_metals().topic_words();
  const std::vector<Word> fruit{0, 2, 0, 2, 0, 2};
  const std::vector<Word> both{0, 2, 0, 1, 3, 1};
  const auto of_fruit = fold_in(topics, fruit, 0.1);
  EXPECT_GT(of_fruit[0], 0.95);
  EXPECT_NEAR(of_fruit[0] + of_fruit[1], 1, 1e-9);
  EXPECT_NEAR(fold_in(topics, both, 0.1)[0], 0.5, 0.02);
  EXPECT_NEAR(fold_in(topics, {}, 0.1)[0], 0.5, 1e-9) << "of nothing the prior alone speaks";
}

TEST(FoldInTest, LikelihoodIsThatOfTheMixture) {
  const TopicWords topics = fruit_and_metals().topic_words();
  const std::vector<double> mixture{0.25, 0.75};
  const std::vector<Word> document{0, 3};
  const double apple = 0.25 * 30.01 / 50.04 + 0.75 * 0.01 / 20.04;
  const double tin = 0.25 * 0.01 / 50.04 + 0.75 * 10.01 / 20.04;
  EXPECT_NEAR(log_likelihood(topics, document, mixture), std::log(apple) + std::log(tin), 1e-5);
}

TEST(LikelihoodTest, OfASliceIsThatOfItsCounts) {
  Slice slice;
  slice.words = {0, 1};
  slice.tokens = {{.word = 0, .topic = 0}, {.word = 1, .topic = 1}, {.word = 0, .topic = 0}};
  slice.document_begins = {0, 3};
  Counts counts{.topics = 2, .word_topic = {2, 0, 0, 1}, .total = {2, 1}};
  const Prior prior{.alpha = 0.5, .beta = 0.25, .vocabulary = 2};
  const double first = 2.5 / 4;
  const double second = 1.5 / 4;
  const double word0 = first * 2.25 / 2.5 + second * 0.25 / 1.5;
  const double word1 = first * 0.25 / 2.5 + second * 1.25 / 1.5;
  EXPECT_NEAR(log_likelihood(slice, counts, prior), 2 * std::log(word0) + std::log(word1), 1e-5);
}

}  // namespace
}  // namespace lda
