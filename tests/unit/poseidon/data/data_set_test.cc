#include "poseidon/data/data_set.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(DataTest, ReadsWhatWasWritten) {
  const DataSet set(write_set(50));
  EXPECT_EQ(set.info().examples, 50);
  EXPECT_EQ(set.info().height, 4);
  EXPECT_EQ(set.info().classes, (std::vector<std::string>{"cat", "dog", "emu"}));
  std::string buffer;
  for (std::int64_t i = 0; i < 50; ++i) {
    const Example example = set.read(i, buffer);
    EXPECT_EQ(example.label, i % 3);
    EXPECT_EQ(std::vector<std::uint8_t>(example.pixels.begin(), example.pixels.end()), pixels(i, 20));
  }
}

TEST_F(DataTest, KnowsTheMeanImage) {
  const DataSet set(write_set(3));  // pixel k: k, k + 7, k + 14
  for (std::size_t k = 0; k < 20; ++k) EXPECT_FLOAT_EQ(set.info().mean[k], static_cast<float>(k) + 7);
}

TEST_F(DataTest, SeveralProcessesReadOneSetAtOnce) {
  const std::string path = write_set(20);
  const DataSet own(path);
  const pid_t child = ::fork();
  if (child == 0) {
    bool same = false;
    try {
      const DataSet theirs(path);
      std::string buffer;
      same = theirs.read(19, buffer).label == 1;
    } catch (const bosen::Error&) {
      same = false;
    }
    ::_exit(same ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::string buffer;
  EXPECT_EQ(own.read(19, buffer).label, 1);
}

TEST_F(DataTest, ReadingChangesNothing) {
  const std::string path = write_set(20);
  const auto listing = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      names.push_back(entry.path().filename().string() + std::to_string(entry.file_size()));
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  const auto before = listing();
  { const DataSet set(path); }
  EXPECT_EQ(listing(), before);
}

TEST_F(DataTest, RefusesAFolderThatIsNoDataSet) {
  EXPECT_THAT(error_of([&] { const DataSet set(folder_ + "/nothing"); }),
              AllOf(HasSubstr("nothing: is no data set"), HasSubstr("poseidon data")));
}

TEST_F(DataTest, RefusesASetThatWasNotFinished) {
  const std::string path = folder_ + "/half";
  {
    DataSetWriter writer(path, {.channels = 1, .height = 2, .width = 2, .classes = {"a"}});
    writer.add(pixels(0, 4), 0);
  }
  EXPECT_THAT(error_of([&] { const DataSet set(path); }), HasSubstr("was not finished"));
}

TEST_F(DataTest, RefusesDamagedFilesWithoutCrashing) {
  const std::string path = write_set(400);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.file_size() > 0 && entry.path().filename() != "LOG") files.push_back(entry.path());
  }
  int refused = 0;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    for (const std::size_t at : {whole.size() / 4, whole.size() / 2, whole.size() - 3}) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ 0x55);
      for (const std::string& text : {broken, whole.substr(0, at)}) {
        std::ofstream(file, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
        const std::string error = error_of([&] { const DataSet set(path); });
        refused += error.empty() ? 0 : 1;
        EXPECT_TRUE(error.empty() || error.find(path) != std::string::npos) << error;
      }
    }
    std::ofstream(file, std::ios::binary).write(whole.data(), static_cast<std::streamsize>(whole.size()));
  }
  EXPECT_GT(refused, 5);
  EXPECT_EQ(error_of([&] { const DataSet set(path); }), "");
}

}  // namespace
}  // namespace poseidon::test
