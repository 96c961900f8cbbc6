#pragma once

// A small job to try frames in: every process has two workers and one shard, and there are four tables.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bosen/base/buffer.h"
#include "bosen/wire/codec.h"
#include "bosen/wire/frame.h"
#include "bosen/wire/messages.h"
#include "bosen/wire/row_block.h"

namespace bosen::test {

inline constexpr std::uint64_t kJob = 0x0123'4567'89AB'CDEF;
inline constexpr std::uint32_t kEpoch = 3;

/// Tables of the sample job; any other is unknown.
inline constexpr TableId kDenseFloat = 0;   ///< 4 floats a row
inline constexpr TableId kDenseDouble = 1;  ///< 3 doubles a row
inline constexpr TableId kSparseFloat = 2;
inline constexpr TableId kSparseInt64 = 3;

/// The shape of a sample table.
std::optional<wire::RowShape> sample_shape(TableId table);

/// What each process of the sample job knows. It has the epoch kEpoch and the job kJob.
wire::DecodeContext sample_context(int processes);

/// A sealed block with these rows; element i of row `id` is id + i. Sparse rows have the columns 2 * i of their
/// elements.
BufferRef sample_block(BufferPool& pool, TableId table, const std::vector<RowId>& ids, std::size_t elements = 4);

/// A table specification whose every field differs from the default.
wire::TableSpec sample_spec();

/// A frame of the sample job with the sequence number 1.
wire::Frame sample_frame(wire::NodeId source, wire::NodeId target, wire::Message message);

/// One frame of every type, or more, all from process 1 to process 0, with a word that says what is special about it.
std::vector<std::pair<std::string, wire::Frame>> sample_frames(BufferPool& pool);

/// The block of a frame's message, or none.
BufferRef block_of(const wire::Frame& frame);

/// Whether two messages say the same; blocks are compared by their bytes.
bool same_message(const wire::Message& a, const wire::Message& b);

}  // namespace bosen::test
