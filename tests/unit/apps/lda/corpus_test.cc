#include "apps/lda/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "apps/lda/slice.h"
#include "tests/support/error_message.h"

namespace lda {
namespace {

using testing::HasSubstr;
using Texts = std::vector<std::string>;

class CorpusTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << content;
    return path;
  }

  /// What is wrong, without the folder.
  std::string problem_of(const CorpusOptions& options) const {
    return error_message([&] { read_corpus(options); }, folder_ + "/");
  }

  static Texts texts(const Corpus& corpus, std::size_t document) {
    Texts texts;
    for (const Word word : corpus.document(document)) texts.push_back(corpus.vocabulary.text(word));
    return texts;
  }

  const std::string folder_ = testing::TempDir() + "lda_corpus_" + std::to_string(::getpid());
};

TEST_F(CorpusTest, CutsTextIntoWords) {
  EXPECT_EQ(words_of("In the Beginning, God's word; 'twas 3 o'clock--yes."),
            (Texts{"in", "the", "beginning", "god's", "word", "twas", "o'clock", "yes"}));
  EXPECT_EQ(words_of("caf\xc3\xa9 au"), (Texts{"caf\xc3\xa9", "au"}));
  EXPECT_EQ(words_of(" 12 --"), Texts{});
}

TEST_F(CorpusTest, ReadsADocumentALine) {
  const std::string data = write("data.txt", "a b A\n\nthe c b\n");
  const std::string stop_words = write("stop.txt", "the\n");
  const Corpus corpus = read_corpus({.data = data, .vocabulary = {}, .stop_words = stop_words});
  ASSERT_EQ(corpus.documents(), 3U);
  EXPECT_EQ(texts(corpus, 0), (Texts{"a", "b", "a"}));
  EXPECT_EQ(texts(corpus, 1), Texts{}) << "an empty document stays one, so that line numbers fit";
  EXPECT_EQ(texts(corpus, 2), (Texts{"c", "b"}));
  const Corpus frequent = read_corpus({.data = data, .vocabulary = {}, .stop_words = {}, .word_count_min = 2});
  EXPECT_EQ(frequent.vocabulary.texts(), (Texts{"a", "b"}));
}

TEST_F(CorpusTest, ReadsAFolderInTheOrderOfNames) {
  write("2.txt", "second text");
  write("1.txt", "first");
  const Corpus corpus = read_corpus({.data = folder_, .vocabulary = {}, .stop_words = {}});
  ASSERT_EQ(corpus.documents(), 2U);
  EXPECT_EQ(texts(corpus, 0), Texts{"first"});
}

TEST_F(CorpusTest, NamesWhatOfAFolderCannotBeRead) {
  write("1.txt", "first");
  std::filesystem::create_symlink("loop", folder_ + "/loop");
  EXPECT_EQ(problem_of({.data = folder_, .vocabulary = {}, .stop_words = {}}),
            "loop: cannot be read: Too many levels of symbolic links");
}

TEST_F(CorpusTest, ReadsABagOfWords) {
  const std::string vocabulary = write("vocab.txt", "apple\npear\nplum\n");
  const std::string data = write("docword.txt", "2\n3\n3\n1 1 2\n1 3 1\n2 2 1\n");
  const Corpus corpus = read_corpus({.data = data, .vocabulary = vocabulary, .stop_words = {}});
  ASSERT_EQ(corpus.documents(), 2U);
  EXPECT_EQ(texts(corpus, 0), (Texts{"apple", "apple", "plum"}));
  EXPECT_EQ(texts(corpus, 1), Texts{"pear"});
}

TEST_F(CorpusTest, SaysWhereABagOfWordsIsWrong) {
  const std::string vocabulary = write("vocab.txt", "apple\npear\n");
  const auto problem = [&](const std::string& content) {
    return problem_of({.data = write("docword.txt", content), .vocabulary = vocabulary, .stop_words = {}});
  };
  EXPECT_EQ(problem(""), "docword.txt: ends where its number of documents should stand");
  EXPECT_EQ(problem("x\n"), "docword.txt:1:1: number of documents 'x' is not a whole number from 1 to 100000000");
  EXPECT_EQ(problem("2\n3\n1\n1 1 1\n"), "docword.txt:2:1: says that there are 3 words, but the vocabulary has 2");
  EXPECT_EQ(problem("2\n2\n2\n1 1 1\n"), "docword.txt: ends after 1 of 2 lines");
  EXPECT_EQ(problem("2\n2\n1\n1 1 1\n\n 2 1 1\n"),
            "docword.txt:6:2: goes beyond the header's number of lines, which is 1");
  EXPECT_EQ(problem("2\n2\n1\n1 1 1\n \n\n"), "no error");
  EXPECT_EQ(problem("2\n2\n1\n3 1 1\n"), "docword.txt:4:1: document '3' is not a whole number from 1 to 2");
  EXPECT_EQ(problem("2\n2\n1\n1 3 1\n"), "docword.txt:4:3: word '3' is not a whole number from 1 to 2");
  EXPECT_EQ(problem("2\n2\n2\n2 1 1\n1 1 1\n"), "docword.txt:5:1: document 1 follows 2: they must ascend");
  EXPECT_EQ(problem("2\n2\n1\n1 1 0\n"), "docword.txt:4:5: count '0' is not a whole number from 1 to 100000000");
  EXPECT_EQ(problem("2\n2\n1\n1 1 3900000000\n"),
            "docword.txt:4:5: count '3900000000' is not a whole number from 1 to 100000000");
}

TEST_F(CorpusTest, RefusesAVocabularyThatRepeatsAWord) {
  const std::string data = write("docword.txt", "2\n4\n3\n1 4 300\n2 3 4\n2 1 5\n");
  for (const char* words : {"a\na\nd\nz\n", "a\nd\na\nz\n", "a\nd\nz\n z \n"}) {
    EXPECT_THAT(problem_of({.data = data, .vocabulary = write("vocab.txt", words), .stop_words = {}}),
                HasSubstr("' twice"));
  }
}

TEST_F(CorpusTest, TakesTheWholeLineOfAVocabularyForAWord) {
  const std::string vocabulary = write("vocab.txt", "new jersey\n\tnew york \r\n");
  const std::string data = write("docword.txt", "1\n2\n2\n1 1 1\n1 2 1\n");
  const Corpus corpus = read_corpus({.data = data, .vocabulary = vocabulary, .stop_words = {}});
  EXPECT_EQ(texts(corpus, 0), (Texts{"new jersey", "new york"}));
}

TEST_F(CorpusTest, SaysWhatIsMissing) {
  EXPECT_NE(
      problem_of({.data = folder_ + "/nothing", .vocabulary = {}, .stop_words = {}}).find("nothing: is not there"),
      std::string::npos);
  EXPECT_EQ(problem_of({.data = write("blank.txt", "1 2 3\n"), .vocabulary = {}, .stop_words = {}}),
            "blank.txt: has no word that counts: nothing to learn from; a UCI docword file takes --vocabulary");
}

TEST_F(CorpusTest, SlicesHoldEveryWordOfEveryDocumentOnce) {
  std::string text;
  for (int i = 0; i < 23; ++i) text += "w" + std::string(static_cast<std::size_t>(i % 5 + 1), 'x') + " common\n";
  const Corpus corpus = read_corpus({.data = write("data.txt", text), .vocabulary = {}, .stop_words = {}});
  std::vector<std::vector<std::int64_t>> found;
  for (int worker = 0; worker < 3; ++worker) {
    for (Slice& slice : cut_into_slices(corpus, worker, 3, 4, 7, 1)) {
      for (std::size_t document = 0; document < slice.documents(); ++document) {
        found.emplace_back();
        for (const Slice::Token& token : slice.document(document)) {
          found.back().push_back(slice.words.at(token.word));
          EXPECT_LT(token.topic, 7);
        }
      }
    }
  }
  std::vector<std::vector<std::int64_t>> expected;
  for (std::size_t document = 0; document < corpus.documents(); ++document) {
    const auto words = corpus.document(document);
    expected.emplace_back(words.begin(), words.end());
  }
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace lda
