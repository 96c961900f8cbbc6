#include "poseidon/data/data_set.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "poseidon/data/data_set_writer.h"
#include "tests/unit/poseidon/data/data_fixture.h"

namespace poseidon {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// Everything in a set: for each example its pixels, then its label.
Bytes content(const DataSet& set) {
  Bytes all;
  std::string buffer;
  for (std::int64_t i = 0; i < set.info().examples; ++i) {
    const Example example = set.read(i, buffer);
    all.insert(all.end(), example.pixels.begin(), example.pixels.end());
    all.push_back(static_cast<std::uint8_t>(example.label));
  }
  return all;
}

class DataSetTest : public DataTest {
 protected:
  /// Files whose bytes matter: not the log of what LevelDB did, nor what is empty.
  [[nodiscard]] std::vector<fs::path> files_of(const std::string& set) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(set)) {
      if (entry.path().filename() != "LOG" && entry.file_size() > 0) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  /// Whether the set is refused in one line that names it and says what to do, or is as it was.
  static testing::AssertionResult refused_or_whole(const std::string& set, const Bytes& whole,
                                                   std::int64_t cached_bytes_max, int& refusals) {
    try {
      const DataSet opened(set, cached_bytes_max);
      if (content(opened) == whole) return testing::AssertionSuccess();
      return testing::AssertionFailure() << "other examples were read, without an error";
    } catch (const bosen::Error& error) {
      ++refusals;
      const std::string text = error.what();
      if (error.kind() != bosen::ErrorKind::kData) return testing::AssertionFailure() << "another kind: " << text;
      const bool says_all = text.starts_with(set + ": ") && text.find("make") != std::string::npos;
      return says_all ? testing::AssertionSuccess() : testing::AssertionFailure() << text;
    }
  }
};

TEST_F(DataSetTest, GivesBackWhatWasWritten) {
  DataSetWriter writer(path("set"), {.channels = 2, .height = 3, .width = 1, .classes = {"ant", "bee"}});
  writer.add(Bytes{0, 1, 2, 3, 4, 255}, 1);
  writer.add(Bytes{10, 1, 0, 255, 4, 0}, 0);
  EXPECT_EQ(writer.finish().examples, 2);
  for (const std::int64_t cached_bytes_max : {DataSet::kCachedBytesMax, std::int64_t{0}}) {
    const DataSet set(path("set"), cached_bytes_max);
    EXPECT_EQ(set.info().channels, 2);
    EXPECT_EQ(set.info().height, 3);
    EXPECT_EQ(set.info().width, 1);
    EXPECT_EQ(set.info().classes, (std::vector<std::string>{"ant", "bee"}));
    EXPECT_EQ(set.info().mean, (std::vector<float>{5, 1, 1, 129, 4, 127.5}));
    EXPECT_EQ(content(set), (Bytes{0, 1, 2, 3, 4, 255, 1, 10, 1, 0, 255, 4, 0, 0}));
  }
}

TEST_F(DataSetTest, KeepsExamplesInTheirOrder) {
  const std::string set = make_set("set", 700, 1, 2, 3);  // numbers of more than one byte
  Bytes expected;
  for (std::int64_t i = 0; i < 700; ++i) {
    const Bytes pixels = pixels_of(i, 6);
    expected.insert(expected.end(), pixels.begin(), pixels.end());
    expected.push_back(static_cast<std::uint8_t>(i % 3));
  }
  EXPECT_EQ(content(DataSet(set)), expected);
  EXPECT_EQ(content(DataSet(set, 0)), expected);
}

TEST_F(DataSetTest, KeepsTheMeanOfAnotherSet) {
  DataSetWriter writer(path("set"), {.channels = 1, .height = 1, .width = 2, .classes = {"ant"}, .mean = {7, 8}});
  writer.add(Bytes{100, 200}, 0);
  writer.finish();
  EXPECT_EQ(DataSet(path("set")).info().mean, (std::vector<float>{7, 8}));
}

TEST_F(DataSetTest, IsRefusedWhereThereIsNone) {
  fs::create_directories(path("empty"));
  write_file(path("file"), "text");
  for (const char* name : {"none", "empty", "file"}) {
    EXPECT_THAT(error_of([&] { const DataSet set(path(name)); }),
                AllOf(HasSubstr(path(name) + ": is no data set"), HasSubstr("poseidon data --from")));
  }
}

TEST_F(DataSetTest, IsRefusedWhenItWasNotFinished) {
  {
    DataSetWriter writer(path("set"), {.channels = 1, .height = 1, .width = 1, .classes = {"ant"}});
    writer.add(Bytes{1}, 0);
  }
  EXPECT_THAT(error_of([&] { const DataSet set(path("set")); }),
              AllOf(HasSubstr(path("set") + ": is "), HasSubstr("was not finished")));
}

TEST_F(DataSetTest, IsNotWrittenWithoutExamples) {
  DataSetWriter writer(path("set"), {.channels = 1, .height = 1, .width = 1, .classes = {"ant"}});
  EXPECT_THAT(error_of([&] { writer.finish(); }), HasSubstr("no images"));
}

TEST_F(DataSetTest, IsNotWrittenWhereOneIs) {
  const std::string set = make_set("set", 1, 1, 1, 1);
  EXPECT_THAT(error_of([&] { const DataSetWriter writer(set, {.channels = 1, .height = 1, .width = 1}); },
                       bosen::ErrorKind::kStorage),
              HasSubstr(set));
}

TEST_F(DataSetTest, NamesAnExampleWhoseLabelHasNoClass) {
  DataSetWriter writer(path("set"), {.channels = 1, .height = 1, .width = 1, .classes = {"ant", "bee"}});
  writer.add(Bytes{1}, 1);
  writer.add(Bytes{1}, 2);
  writer.finish();
  const auto expected = HasSubstr("example 1 has the label 2, but there are 2 classes");
  EXPECT_THAT(error_of([&] { const DataSet set(path("set")); }), expected);
  const DataSet uncached(path("set"), 0);
  std::string buffer;
  EXPECT_EQ(uncached.read(0, buffer).label, 1);
  EXPECT_THAT(error_of([&] { static_cast<void>(uncached.read(1, buffer)); }), expected);
}

TEST_F(DataSetTest, NamesAnExampleOfAnotherSize) {
  DataSetWriter writer(path("set"), {.channels = 1, .height = 1, .width = 2, .classes = {"ant"}});
  writer.add(Bytes{1, 2}, 0);
  writer.add(Bytes{1}, 0);
  writer.finish();
  EXPECT_THAT(error_of([&] { const DataSet set(path("set")); }), HasSubstr("example 1 has 5 bytes, not 6"));
}

TEST_F(DataSetTest, SeesEveryByteThatWasFlipped) {
  const std::string set = make_set("set", 20, 1, 4, 4);
  const Bytes whole = content(DataSet(set));
  int flips = 0;
  int refusals = 0;
  for (const fs::path& file : files_of(set)) {
    const Bytes bytes = read_file(file);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      Bytes flipped = bytes;
      flipped[i] ^= static_cast<std::uint8_t>(1U << (i % 8));
      write_file(file, flipped);
      ASSERT_TRUE(refused_or_whole(set, whole, flips % 2 == 0 ? 0 : DataSet::kCachedBytesMax, refusals))
          << file << " byte " << i;
      ++flips;
    }
    write_file(file, bytes);
  }
  EXPECT_EQ(content(DataSet(set)), whole);
  EXPECT_GT(flips, 200);
  EXPECT_GT(refusals, flips * 9 / 10);
}

TEST_F(DataSetTest, SeesEveryFileThatWasCutShort) {
  const std::string set = make_set("set", 20, 1, 4, 4);
  const Bytes whole = content(DataSet(set));
  int cuts = 0;
  int refusals = 0;
  for (const fs::path& file : files_of(set)) {
    const Bytes bytes = read_file(file);
    for (std::size_t size = 0; size < bytes.size(); size += 7) {
      write_file(file, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
      ASSERT_TRUE(refused_or_whole(set, whole, DataSet::kCachedBytesMax, refusals)) << file << " of " << size;
      ++cuts;
    }
    write_file(file, bytes);
  }
  EXPECT_GT(cuts, 50);
  EXPECT_EQ(refusals, cuts);
}

TEST_F(DataSetTest, SeesEveryFileThatIsMissing) {
  const std::string set = make_set("set", 20, 1, 4, 4);
  const Bytes whole = content(DataSet(set));
  const std::vector<fs::path> files = files_of(set);
  ASSERT_GE(files.size(), 3U);  // a table, the manifest, its name
  for (const fs::path& file : files) {
    const Bytes bytes = read_file(file);
    fs::remove(file);
    int refusals = 0;
    EXPECT_TRUE(refused_or_whole(set, whole, DataSet::kCachedBytesMax, refusals)) << file;
    EXPECT_EQ(refusals, 1) << file;
    write_file(file, bytes);
  }
}

TEST_F(DataSetTest, IsNotChangedByReading) {
  const std::string set = make_set("set", 20, 1, 4, 4);
  const auto state = [&] {
    std::map<std::string, Bytes> files;
    for (const auto& entry : fs::directory_iterator(set)) files[entry.path().filename()] = read_file(entry.path());
    return files;
  };
  const auto before = state();
  content(DataSet(set));
  content(DataSet(set, 0));
  EXPECT_EQ(state(), before);
}

TEST_F(DataSetTest, IsReadByManyProcessesAtOnce) {
  const std::string set = make_set("set", 50, 1, 4, 4);
  const DataSet own(set, 0);
  const Bytes whole = content(own);
  // A child says that it has the set open, and keeps it open until it is told that all have.
  struct Child {
    pid_t process = -1;
    int ready = -1, go = -1;
  };
  std::vector<Child> children;
  for (int number = 0; number < 3; ++number) {
    int ready[2];
    int go[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(go), 0);
    const pid_t process = ::fork();
    if (process == 0) {
      int code = 1;
      try {
        const DataSet opened(set, number == 0 ? DataSet::kCachedBytesMax : 0);
        char byte = 'r';
        code = ::write(ready[1], &byte, 1) == 1 && ::read(go[0], &byte, 1) == 1 && content(opened) == whole ? 0 : 2;
      } catch (...) {
      }
      ::_exit(code);
    }
    ASSERT_GT(process, 0);
    ::close(ready[1]);
    ::close(go[0]);
    children.push_back({process, ready[0], go[1]});
  }
  for (const Child& child : children) {
    char byte = 0;
    EXPECT_EQ(::read(child.ready, &byte, 1), 1);
  }
  for (const Child& child : children) EXPECT_EQ(::write(child.go, "g", 1), 1);
  EXPECT_EQ(content(own), whole);
  for (const Child& child : children) {
    int status = -1;
    EXPECT_EQ(::waitpid(child.process, &status, 0), child.process);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    ::close(child.ready);
    ::close(child.go);
  }
}

}  // namespace
}  // namespace poseidon
