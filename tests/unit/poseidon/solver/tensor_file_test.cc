#include "poseidon/solver/tensor_file.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>

#include "tests/unit/poseidon/solver/solver_fixture.h"

namespace poseidon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TensorFileTest : public SolverTest {
 protected:
  static TensorSource counting(const std::string& name, Shape shape) {
    return {name, std::move(shape), [](std::span<float> to) { std::iota(to.begin(), to.end(), 1.0F); }};
  }

  void write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  void write_header(const std::string& header, std::size_t data_bytes) {
    const std::uint64_t length = header.size();
    std::string bytes(sizeof(length), '\0');
    std::memcpy(bytes.data(), &length, sizeof(length));
    write(bytes + header + std::string(data_bytes, '\0'));
  }
  std::string content() {
    std::ostringstream text;
    text << std::ifstream(path_, std::ios::binary).rdbuf();
    return text.str();
  }
  std::string refusal() {
    return error_of([&] { TensorFile file(path_); }, bosen::ErrorKind::kData);
  }

  const std::string path_ = (folder_ / "file.safetensors").string();
};

TEST_F(TensorFileTest, ReadsWhatItHasWritten) {
  write_tensor_file(path_, std::array{counting("a.weight", {2, 3}), counting("b", Shape{}), counting("none", {0, 4})},
                    {{"net", "LeNet"}});
  const TensorFile file(path_);
  EXPECT_EQ(file.entries().size(), 3U);
  EXPECT_EQ(file.entries().at("a.weight").shape, (Shape{2, 3}));
  EXPECT_EQ(file.entries().at("none").shape, (Shape{0, 4}));
  EXPECT_EQ(file.metadata().at("net"), "LeNet");
  std::vector<float> elements(6);
  file.read("a.weight", elements);
  EXPECT_THAT(elements, ElementsAre(1, 2, 3, 4, 5, 6));
  file.read("b", std::span(elements).first(1));
  EXPECT_EQ(elements[0], 1);
}

TEST_F(TensorFileTest, WritesTheFormatByteForByte) {
  write_tensor_file(path_, std::array{counting("w", {2})});
  const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  std::string expected(8, '\0');
  expected[0] = static_cast<char>(padded.size());
  expected += padded;
  const std::array<float, 2> data{1, 2};
  expected.append(reinterpret_cast<const char*>(data.data()), sizeof(data));
  EXPECT_EQ(content(), expected);
}

TEST_F(TensorFileTest, RefusesEveryTruncation) {
  write_tensor_file(path_, std::array{counting("a", {2, 2}), counting("b", {3})});
  const std::string whole = content();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write(whole.substr(0, length));
    EXPECT_THAT(refusal(), HasSubstr("short")) << length;
  }
  write(whole + "x");
  EXPECT_THAT(refusal(), HasSubstr("bytes behind its tensors"));
}

TEST_F(TensorFileTest, RefusesWhatIsNoSafetensorsFile) {
  EXPECT_THAT(refusal(), HasSubstr("is not there"));
  write("PK\x03\x04 some zipped weights of another program");
  EXPECT_THAT(refusal(), HasSubstr("is no safetensors file"));
  write_header("[1, 2]", 0);
  EXPECT_THAT(refusal(), HasSubstr("no JSON object"));
  write_header(R"({"w": 3})", 0);
  EXPECT_THAT(refusal(), HasSubstr("has no dtype"));
  EXPECT_THAT(error_of([&] { TensorFile file(folder_.string()); }, bosen::ErrorKind::kData), HasSubstr("is no file"));
}

TEST_F(TensorFileTest, RefusesHeadersThatLie) {
  const auto with = [&](const std::string& header, std::size_t bytes) {
    write_header(header, bytes);
    return refusal();
  };
  EXPECT_THAT(with(R"({"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4), HasSubstr("not F32"));
  EXPECT_THAT(with(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), HasSubstr("do not fit its shape"));
  EXPECT_THAT(with(R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), HasSubstr("list of sizes"));
  EXPECT_THAT(with(R"({"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}})", 8), HasSubstr("list of sizes"));
  EXPECT_THAT(with(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), HasSubstr("do not fit"));
  EXPECT_THAT(with(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", 8), HasSubstr("pair of offsets"));
  EXPECT_THAT(with(R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", 8),
              HasSubstr("larger than any tensor"));
  EXPECT_THAT(with(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), HasSubstr("gaps"));
  const std::string one = R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_THAT(with("{" + one + "," + one + "}", 4), HasSubstr("two tensors named 'w'"));
  EXPECT_THAT(with("{" + one + R"(,"v":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
              HasSubstr("upon another"));
}

TEST_F(TensorFileTest, NamesTheFolderThatCannotBeWrittenTo) {
  const std::string error =
      error_of([&] { write_tensor_file("/proc/nowhere/w.safetensors", std::array{counting("w", {1})}); },
               bosen::ErrorKind::kStorage);
  EXPECT_THAT(error, HasSubstr("/proc/nowhere/w.safetensors"));
}

}  // namespace
}  // namespace poseidon
