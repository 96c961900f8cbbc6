#include "bosen/wire/copy_blocks.h"

#include <cstring>

#include "bosen/base/assert.h"

namespace bosen::wire {

BufferRef copy_block(const BufferRef& block, BufferPool& pool) {
  if (!block) return {};
  BufferRef copy = pool.take(block->size);
  std::memcpy(copy->data, block->data, block->size);
  copy->size = block->size;
  copy->rows = block->rows;
  return copy;
}

Message copy_blocks(const Message& message, BufferPool& pool) {
  Message copy = message;
  if (auto* update = std::get_if<Update>(&copy)) update->block = copy_block(update->block, pool);
  if (auto* rows = std::get_if<Rows>(&copy)) {
    BOSEN_ASSERT(rows->shared.empty() && rows->blocks.empty());
    rows->block = copy_block(rows->block, pool);
  }
  if (auto* data = std::get_if<ChannelData>(&copy)) data->bytes = copy_block(data->bytes, pool);
  return copy;
}

}  // namespace bosen::wire
