#include "tests/support/frame_mutator.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "bosen/wire/byte_order.h"

namespace bosen::test {
namespace {

class ExactBlock final : public BufferOwner {
 public:
  explicit ExactBlock(const std::vector<std::byte>& bytes)
      : memory_(new std::byte[bytes.size()]), buffer_(*this, memory_.get(), bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), memory_.get());
    buffer_.size = bytes.size();
  }
  Buffer* buffer() { return &buffer_; }
  void release(Buffer* /*buffer*/) override { delete this; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  Buffer buffer_;
};

template <class T>
void set(T& field, std::uint64_t value) {
  field = static_cast<T>(value);
}

}  // namespace

BufferRef exact_block(const std::vector<std::byte>& bytes) {
  return BufferRef::adopt((new ExactBlock(bytes))->buffer());
}

FrameMutator::FrameMutator(testing::SimRandom random, const std::vector<wire::Frame>& frames) : random_(random) {
  for (const wire::Frame& frame : frames) {
    Pieces pieces{ForgedFrame(frame), {}};
    if (const BufferRef block = pieces.frame.block) pieces.block.emplace(block->data, block->data + block->size);
    pieces.frame.block = {};
    samples_.push_back(std::move(pieces));
  }
}

FrameMutator::Pieces FrameMutator::pick() {
  return samples_[static_cast<std::size_t>(random_.below(static_cast<int>(samples_.size())))];
}

RawFrame FrameMutator::sealed(Pieces pieces) {
  if (pieces.block) pieces.frame.block = exact_block(*pieces.block);
  return {pieces.frame.sealed(), std::move(pieces.block)};
}

// One that is likely to be on some edge.
std::uint64_t FrameMutator::number() {
  const int bit = random_.below(64);
  const std::uint64_t power = std::uint64_t{1} << bit;
  return random_.pick<std::uint64_t>({0, 1, 2, 3, power, power - 1, ~power, ~std::uint64_t{0}, random_.next() >> bit,
                                      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())});
}

void FrameMutator::change_header(wire::WireHeader& header) {
  const std::uint64_t value = number();
  switch (random_.below(11)) {
    case 0:
      return set(header.magic, value);
    case 1:
      return set(header.version, value);
    case 2:
      return set(header.flags, value);
    case 3:
      return set(header.job, value);
    case 4:
      return set(header.epoch, value);
    case 5:
      return set(header.source, random_.chance(0.5) ? value : value | wire::NodeId::kShardBit);
    case 6:
      return set(header.target, random_.chance(0.5) ? value : value | wire::NodeId::kShardBit);
    case 7:
      return set(header.sequence, value);
    case 8:
      return set(header.acknowledged, value);
    case 9:
      return set(header.clock, value);
    default:
      return set(header.type, static_cast<std::uint64_t>(random_.below(16)));
  }
}

void FrameMutator::change_bytes(std::vector<std::byte>& bytes) {
  for (int i = random_.pick({1, 1, 1, 2, 8}); i > 0 && !bytes.empty(); --i) {
    const auto at = static_cast<std::size_t>(random_.next() % bytes.size());
    const std::uint64_t value = number();
    switch (random_.below(3)) {
      case 0:
        bytes[at] ^= static_cast<std::byte>(1 << random_.below(8));
        break;
      case 1:
        bytes[at] = static_cast<std::byte>(value & 0xFF);
        break;
      default:
        // Whole numbers mostly stand at multiples of four.
        if (const std::size_t start = at & ~std::size_t{3}; start + 4 <= bytes.size()) {
          wire::store_little_endian(bytes.data() + start, static_cast<std::uint32_t>(value));
        }
    }
  }
}

void FrameMutator::change_length(std::vector<std::byte>& bytes) {
  const auto difference = static_cast<std::size_t>(random_.pick({1, 4, 8, 8, 16, random_.below(64)}));
  if (random_.chance(0.5)) {
    bytes.resize(bytes.size() - std::min(bytes.size(), difference));
  } else {
    for (std::size_t i = 0; i < difference; ++i) bytes.push_back(static_cast<std::byte>(number() & 0xFF));
  }
}

RawFrame FrameMutator::noise() {
  RawFrame frame;
  frame.head.resize(static_cast<std::size_t>(random_.below(200)));
  for (std::byte& byte : frame.head) byte = static_cast<std::byte>(random_.next() & 0xFF);
  if (random_.chance(0.3)) frame.block.emplace(static_cast<std::size_t>(8 * random_.below(20)), std::byte{1});
  return frame;
}

// Changed after the checksums were computed.
RawFrame FrameMutator::damaged() {
  RawFrame frame = sealed(pick());
  std::vector<std::byte>& bytes = frame.block && random_.chance(0.5) ? *frame.block : frame.head;
  if (random_.chance(0.5)) {
    change_bytes(bytes);
  } else {
    change_length(bytes);
  }
  if (random_.chance(0.1)) frame.block.reset();
  return frame;
}

RawFrame FrameMutator::next() {
  const int way = random_.below(16);
  if (way == 0) return noise();
  if (way <= 2) return damaged();
  Pieces pieces = pick();
  if (way <= 4) return sealed(std::move(pieces));  // valid ones in between bring their receiver into many states
  if (way <= 7) {
    change_header(pieces.frame.header);
  } else if (way <= 10) {
    change_bytes(pieces.frame.meta);
  } else if (way == 11) {
    change_length(pieces.frame.meta);
  } else if (way == 12) {
    pieces.block = pick().block;
  } else if (way == 13) {
    pieces.frame.meta = pick().frame.meta;
  } else if (pieces.block) {
    change_bytes(*pieces.block);
    if (way == 15 && random_.chance(0.3)) change_length(*pieces.block);
  }
  if (pieces.block) {
    pieces.frame.header.flags |= wire::kFlagBlock;
    if (pieces.block->empty() || random_.chance(0.05)) pieces.block.reset();
  }
  return sealed(std::move(pieces));
}

}  // namespace bosen::test
