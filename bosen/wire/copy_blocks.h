#pragma once

// Blocks of another process's own, as if they had come over a wire.

#include "bosen/base/buffer.h"
#include "bosen/wire/messages.h"

namespace bosen::wire {

/// None of none.
BufferRef copy_block(const BufferRef& block, BufferPool& pool);

/// The message with copies of the blocks that it shares. Not for rows by reference, which never leave their process.
Message copy_blocks(const Message& message, BufferPool& pool);

}  // namespace bosen::wire
