// Which rows a push may bring: those that the shard goes on pushing, and no others.

#include <gtest/gtest.h>

#include <cstring>

#include "bosen/core/client_table.h"

namespace bosen::core {
namespace {

class ClientTablePushTest : public ::testing::Test {
 protected:
  static constexpr RowId kRow = 7;

  wire::Rows rows_with(float value, Clock clock) {
    BufferRef block = pool_.take(sizeof value);
    std::memcpy(block->data, &value, sizeof value);
    wire::Rows rows;
    rows.clock = clock;
    rows.shared.push_back({kRow, block->data, block.get()});
    rows.blocks.push_back(std::move(block));
    return rows;
  }

  wire::Rows push_of(float value, Clock clock) {
    wire::Rows rows = rows_with(value, clock);
    rows.is_push = true;
    rows.completes_push = true;
    return rows;
  }

  float read() {
    const std::byte* data = table_.read(table_.part(0), kRow);
    if (data == nullptr) return -1;
    float value = 0;
    std::memcpy(&value, data, sizeof value);
    return value;
  }

  BufferPool pool_;
  Reclaimer reclaimer_{1};
  Membership members_{.rank = 0, .workers = {1}, .rank_of_shard = {0}};
  ClientTable table_{
      0,         {"t", {RowKind::kDense, ElementType::kFloat, 1}, Consistency::kEssp, 0, {}}, 1, 0, members_, pool_,
      reclaimer_};
};

TEST_F(ClientTablePushTest, UpdatesARowThatWasAskedFor) {
  Outbox outbox(NodeId::client(0));
  table_.request(table_.part(0), {{kRow}}, outbox);
  auto answer = rows_with(1, 0);
  table_.on_rows(0, answer);
  auto push = push_of(2, 1);
  table_.on_rows(0, push);
  EXPECT_EQ(read(), 2);
}

// Evicted, the push still under way, and given a slot again by an increment: the shard has been told to push it no
// more, so that the process's next updates of it would not show.
TEST_F(ClientTablePushTest, DoesNotFillASlotThatTheShardDoesNotKnowOf) {
  table_.add_slot(kRow);
  auto push = push_of(2, 1);
  table_.on_rows(0, push);
  EXPECT_EQ(read(), -1);
}

}  // namespace
}  // namespace bosen::core
