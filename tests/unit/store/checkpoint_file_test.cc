#include "bosen/store/checkpoint_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bosen/base/error.h"
#include "tests/support/error_message.h"

namespace bosen::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kStateBytes = 4;

class CheckpointFileTest : public ::testing::Test {
 protected:
  CheckpointFileTest() : path_(::testing::TempDir() + "/checkpoint-file-test") {
    dense_.name = "weights";
    dense_.shape = {RowKind::kDense, ElementType::kFloat, 2};
    dense_.updater.name = "sgd";
    sparse_.name = "counts \"\\ 'of' things";
    sparse_.shape = {RowKind::kSparse, ElementType::kInt64, 0};
  }
  ~CheckpointFileTest() override { std::filesystem::remove(path_); }

  CheckpointPart part() {
    CheckpointPart part;
    part.head = {.id = {.clock = 40, .job = 0xFEDC'BA98'7654'3210},
                 .program = "test",
                 .rank = 1,
                 .processes = 3,
                 .workers = {2, 1},
                 .rank_of_shard = {0, 1, 1, 2},
                 .tables = {dense_, sparse_}};
    for (const ShardId shard : {1, 2}) {
      wire::BlockBuilder dense(pool_, dense_.shape, 4096);
      const float row[2] = {1.5F, static_cast<float>(shard)};
      std::memcpy(dense.append_dense(100 + shard), row, sizeof row);
      wire::BlockBuilder sparse(pool_, sparse_.shape, 4096);
      std::byte* record = sparse.append_sparse(-7, 1);
      wire::SparseRecord::columns(record)[0] = 9;
      const std::int64_t value = 11 * shard;
      std::memcpy(record + wire::SparseRecord::values_offset(1), &value, sizeof value);
      part.shards[shard] = {
          .clock = 40,
          .tables = {{.spec = dense_,
                      .blocks = dense.take(),
                      .histories = {{.row = 100 + shard, .steps = 3, .last_timestamp = 39}},
                      .updater_state = std::vector<std::byte>(kStateBytes, std::byte{0x5A})},
                     {.spec = sparse_, .blocks = sparse.take(), .histories = {}, .updater_state = {}}}};
    }
    part.kept = {{.worker = 2, .name = "tokens", .bytes = {std::byte{1}, std::byte{2}}},
                 {.worker = 2, .name = "none", .bytes = {}}};
    return part;
  }

  /// Reads all of the file.
  void read() {
    CheckpointReader reader(path_, pool_);
    while (!std::holds_alternative<CheckpointReader::End>(reader.next())) {
    }
  }
  [[nodiscard]] std::string contents() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void replace(const std::string& contents) const { std::ofstream(path_, std::ios::binary) << contents; }

  BufferPool pool_;
  wire::TableSpec dense_;
  wire::TableSpec sparse_;
  const std::string path_;
};

TEST_F(CheckpointFileTest, ReadsWhatWasWritten) {
  const std::uint64_t bytes = write_checkpoint(path_, part());
  EXPECT_EQ(bytes, std::filesystem::file_size(path_));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".partial"));
  CheckpointReader reader(path_, pool_);
  const CheckpointHead& head = reader.head();
  EXPECT_EQ(head.id, part().head.id);
  EXPECT_EQ(head.program, "test");
  EXPECT_EQ(head.rank, 1);
  EXPECT_EQ(head.processes, 3);
  EXPECT_THAT(head.workers, ElementsAre(2, 1));
  EXPECT_THAT(head.rank_of_shard, ElementsAre(0, 1, 1, 2));
  ASSERT_EQ(head.tables.size(), 2U);
  EXPECT_EQ(head.tables[0].name, dense_.name);
  EXPECT_EQ(head.tables[0].shape, dense_.shape);
  EXPECT_EQ(head.tables[0].updater.name, "sgd");
  EXPECT_EQ(head.tables[1].name, sparse_.name);
  EXPECT_EQ(head.tables[1].shape, sparse_.shape);
  for (const ShardId shard : {1, 2}) {
    const auto dense = std::get<CheckpointReader::Rows>(reader.next());
    EXPECT_EQ(dense.shard, shard);
    EXPECT_EQ(dense.table, 0U);
    EXPECT_EQ(wire::RowBlockView(dense_.shape, *dense.block).id(0), 100 + shard);
    float row[2];
    std::memcpy(row, dense.block->data, sizeof row);
    EXPECT_THAT(row, ElementsAre(1.5F, static_cast<float>(shard)));
    const auto histories = std::get<CheckpointReader::Histories>(reader.next());
    EXPECT_EQ(histories.shard, shard);
    ASSERT_EQ(histories.histories.size(), 1U);
    EXPECT_EQ(histories.histories[0].row, 100 + shard);
    EXPECT_EQ(histories.histories[0].steps, 3);
    EXPECT_EQ(histories.histories[0].last_timestamp, 39);
    EXPECT_EQ(histories.updater_state, std::vector<std::byte>(kStateBytes, std::byte{0x5A}));
    const auto sparse = std::get<CheckpointReader::Rows>(reader.next());
    EXPECT_EQ(sparse.table, 1U);
    EXPECT_EQ(wire::RowBlockView(sparse_.shape, *sparse.block).id(0), -7);
    EXPECT_EQ(wire::SparseRecord::columns(std::as_const(*sparse.block).data)[0], 9U);
  }
  for (const KeptMemory& kept : part().kept) {
    const auto read = std::get<KeptMemory>(reader.next());
    EXPECT_EQ(read.worker, kept.worker);
    EXPECT_EQ(read.name, kept.name);
    EXPECT_EQ(read.bytes, kept.bytes);
  }
  EXPECT_TRUE(std::holds_alternative<CheckpointReader::End>(reader.next()));
}

TEST_F(CheckpointFileTest, RefusesAFileOfWhichAnyBitHasChanged) {
  write_checkpoint(path_, part());
  const std::string whole = contents();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    replace(changed);
    EXPECT_THROW(read(), Error) << "byte " << at;
  }
}

TEST_F(CheckpointFileTest, RefusesAFileThatIsCutOffOrContinued) {
  write_checkpoint(path_, part());
  const std::string whole = contents();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    replace(whole.substr(0, size));
    EXPECT_THROW(read(), Error) << "of " << size << " bytes";
  }
  replace(whole + "x");
  EXPECT_THAT(error_message([&] { read(); }), HasSubstr("checkpoint " + path_ + ": is damaged at its end"));
}

TEST_F(CheckpointFileTest, RefusesAFileThatIsNone) {
  EXPECT_THAT(error_message([&] { read(); }), HasSubstr(path_ + ": No such file"));
  replace(std::string(1000, 'x'));
  EXPECT_THAT(error_message([&] { read(); }), HasSubstr("is no file of a checkpoint"));
}

TEST_F(CheckpointFileTest, LeavesTheOldFileWhereANewOneCannotBeWritten) {
  write_checkpoint(path_, part());
  const std::string whole = contents();
  std::filesystem::create_directory(path_ + ".partial");
  EXPECT_THAT(error_message([&] { write_checkpoint(path_, part()); }), HasSubstr("cannot write " + path_));
  EXPECT_EQ(contents(), whole);
  std::filesystem::remove(path_ + ".partial");
}

}  // namespace
}  // namespace bosen::store
