#include "bosen/net/shm/shared_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "tests/support/file_limit.h"
#include "tests/support/net_process.h"

namespace bosen::net {
namespace {

using testing::HasSubstr;

constexpr std::size_t kBytes = std::size_t{256} << 10;

/// Rank 0, whose pool lies in shared memory, and rank 1, which can read that.
class SharedMemoryTest : public ::testing::Test {
 protected:
  SharedMemoryTest() { pool_.use(memory(0).block_memory()); }

  SharedMemory& memory(Rank rank) { return *memories_[static_cast<std::size_t>(rank)]; }

  /// A block of rank 0 full of that byte.
  BufferRef block_of(int value, std::size_t bytes = kBytes) {
    BufferRef block = pool_.take(bytes);
    block->size = bytes;
    std::memset(block->data, value, bytes);
    return block;
  }
  /// What rank 1 gets when rank 0 lends it.
  BufferRef lend(const BufferRef& block) {
    const std::optional<BlockReference> loan = memory(0).lend(1, block);
    return loan ? memory(1).borrow(0, *loan) : BufferRef{};
  }

  BufferPool pool_;
  std::vector<std::unique_ptr<SharedMemory>> memories_ = test::open_memories(2);
};

TEST_F(SharedMemoryTest, APeerReadsALentBlockInPlace) {
  const BufferRef block = block_of(7);
  const BufferRef borrowed = lend(block);
  ASSERT_TRUE(borrowed);
  ASSERT_EQ(borrowed->size, kBytes);
  EXPECT_NE(borrowed->data, block->data);
  EXPECT_EQ(std::memcmp(borrowed->data, block->data, kBytes), 0);
  block->data[kBytes - 1] = std::byte{9};  // it is the same memory
  EXPECT_EQ(borrowed->data[kBytes - 1], std::byte{9});
}

TEST_F(SharedMemoryTest, ABorrowedBlockIsNeverWritten) { EXPECT_FALSE(lend(block_of(1))->unique()); }

TEST_F(SharedMemoryTest, ALentBlockIsHeldUntilItIsGivenBack) {
  BufferRef block = block_of(1);
  BufferRef first = lend(block);
  BufferRef second = lend(block);
  EXPECT_EQ(memory(0).lent(), 2U);
  EXPECT_TRUE(memory(0).take_back().empty());
  first = {};
  EXPECT_EQ(memory(0).take_back().size(), 1U);
  EXPECT_FALSE(block->unique());
  second = {};
  EXPECT_EQ(memory(0).take_back().size(), 1U);
  EXPECT_TRUE(block->unique());
  EXPECT_EQ(memory(0).lent(), 0U);
}

TEST_F(SharedMemoryTest, BlocksThatAreGivenBackAreUsedAgain) {
  BufferRef block = block_of(1);
  const std::byte* const place = block->data;
  BufferRef borrowed = lend(block);
  block = {};
  EXPECT_NE(pool_.take(kBytes)->data, place);  // it is lent still
  borrowed = {};
  memory(0).take_back();
  EXPECT_EQ(pool_.take(kBytes)->data, place);
}

TEST_F(SharedMemoryTest, ManyThreadsGiveBack) {
  constexpr int kThreads = 4;
  constexpr int kLoans = 500;
  const BufferRef block = block_of(1);
  std::vector<std::vector<BufferRef>> borrowed(kThreads);
  for (auto& blocks : borrowed) {
    for (int i = 0; i < kLoans; ++i) blocks.push_back(lend(block));
  }
  std::vector<std::jthread> threads;
  for (auto& blocks : borrowed) threads.emplace_back([&blocks] { blocks.clear(); });
  std::size_t back = 0;
  EXPECT_TRUE(test::eventually([&] { return (back += memory(0).take_back().size()) == kThreads * kLoans; }));
  threads.clear();
  EXPECT_EQ(memory(0).lent(), 0U);
}

TEST_F(SharedMemoryTest, OnlyPeersThatHaveOpenedItAreLentTo) {
  EXPECT_TRUE(memory(0).reaches(1));
  EXPECT_FALSE(memory(0).reaches(2));
  EXPECT_FALSE(memory(0).lend(2, block_of(1)));
}

TEST_F(SharedMemoryTest, SmallBlocksAndThoseOfTheHeapAreCopied) {
  EXPECT_FALSE(memory(0).lend(1, block_of(1, limits::kSharedBlockBytesMin - 1)));
  BufferPool heap;
  BufferRef block = heap.take(kBytes);
  block->size = kBytes;
  EXPECT_FALSE(memory(0).lend(1, block));
}

TEST_F(SharedMemoryTest, LoansAreBounded) {
  const BufferRef block = block_of(1, limits::kSharedBlockBytesMin);
  std::vector<BufferRef> borrowed;
  for (std::uint32_t i = 0; i < limits::kLoansMax; ++i) borrowed.push_back(lend(block));
  EXPECT_TRUE(borrowed.back());
  EXPECT_FALSE(lend(block));
  borrowed.clear();
  memory(0).take_back();
  EXPECT_TRUE(lend(block));
}

TEST_F(SharedMemoryTest, ReferencesToNowhereAreRefused) {
  const std::optional<BlockReference> good = memory(0).lend(1, block_of(1));
  ASSERT_TRUE(good);
  const auto borrow = [&](std::uint64_t offset, std::uint64_t bytes, std::uint32_t loan) {
    return memory(1).borrow(0, {.offset = offset, .bytes = bytes, .loan = loan, .serial = good->serial});
  };
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  EXPECT_FALSE(borrow(0, 64, 0));
  EXPECT_FALSE(borrow(good->offset + 1, 64, 0));
  EXPECT_FALSE(borrow(good->offset, kHuge, 0));
  EXPECT_FALSE(borrow(kHuge - 7, 64, 0));
  EXPECT_FALSE(borrow(good->offset, 64, limits::kLoansMax));
  EXPECT_FALSE(memory(1).borrow(2, *good));
  EXPECT_TRUE(memory(1).borrow(0, *good));
}

TEST_F(SharedMemoryTest, NonsenseInTheListOfReturnsKeepsBlocksLent) {
  const BufferRef block = block_of(1);
  BufferRef borrowed = lend(block);
  SegmentControl& control = static_cast<SharedSegment&>(*memory(0).block_memory()).control();
  control.returned = limits::kLoansMax + 5;  // no such loan
  EXPECT_TRUE(memory(0).take_back().empty());
  control.returned = 3;  // a loan that is not out
  EXPECT_TRUE(memory(0).take_back().empty());
  borrowed = {};
  control.returned_before[0] = 1;  // a list without an end
  EXPECT_EQ(memory(0).take_back().size(), 1U);
  EXPECT_TRUE(block->unique());
}

TEST_F(SharedMemoryTest, WhoGivesABlockBackTwiceDoesNotGiveBackTheNext) {
  const std::optional<BlockReference> first = memory(0).lend(1, block_of(1));
  ASSERT_TRUE(first);
  BufferRef borrowed = memory(1).borrow(0, *first);
  BufferRef again = memory(1).borrow(0, *first);
  borrowed = {};
  EXPECT_EQ(memory(0).take_back().size(), 1U);
  const BufferRef next = block_of(2);
  const BufferRef kept = lend(next);  // by the same number
  again = {};
  EXPECT_TRUE(memory(0).take_back().empty());
  EXPECT_FALSE(next->unique());
}

// Blocks that the pool does not keep stay for others of their size, and make room for those of other sizes.
TEST_F(SharedMemoryTest, MemoryDoesNotGrowWithTheSizesThatWereUsed) {
  auto& segment = static_cast<SharedSegment&>(*memory(0).block_memory());
  const SegmentAddress address = SegmentAddress::parse(segment.address());
  const auto bytes_used = [&] {
    struct stat status {};
    EXPECT_EQ(::fstat(static_cast<int>(address.file), &status), 0);
    return static_cast<std::size_t>(status.st_blocks) * 512;
  };
  const std::size_t before = bytes_used();
  std::vector<std::byte*> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(segment.take(kBytes));
  EXPECT_EQ(bytes_used(), before + 8 * kBytes);
  for (std::byte* block : blocks) segment.give_back(block, kBytes);
  EXPECT_EQ(bytes_used(), before + 8 * kBytes);
  EXPECT_EQ(segment.take(kBytes), blocks.back());
  segment.take(4 * kBytes);
  EXPECT_EQ(bytes_used(), before + 8 * kBytes);
  segment.take(4 * kBytes);
  EXPECT_EQ(bytes_used(), before + 9 * kBytes);
  std::memset(segment.take(kBytes), 1, kBytes);  // one that had been emptied
  EXPECT_EQ(bytes_used(), before + 10 * kBytes);
}

TEST_F(SharedMemoryTest, WhatWasLentStaysReadableWhenItsOwnerHasLeft) {
  auto& segment = static_cast<SharedSegment&>(*memory(0).block_memory());
  std::byte* const data = segment.take(kBytes);
  std::memset(data, 5, kBytes);
  const BufferRef borrowed = memory(1).borrow(0, {.offset = segment.offset_of(data), .bytes = kBytes, .loan = 0});
  segment.close();
  segment.give_back(data, kBytes);
  EXPECT_NE(segment.take(kBytes), data);  // neither for others of its size
  segment.take(4 * kBytes);               // nor as room for other sizes
  EXPECT_EQ(borrowed->data[0], std::byte{5});
  EXPECT_EQ(borrowed->data[kBytes - 1], std::byte{5});
}

TEST(SharedSegmentTest, KeepsNoMoreThanIsInUseAndThePoolsShare) {
  constexpr std::size_t kLarge = std::size_t{128} << 20;
  constexpr std::size_t kCount = limits::kPooledBytesMax / kLarge + 4;
  SharedSegment segment(2);
  const int file = static_cast<int>(SegmentAddress::parse(segment.address()).file);
  std::vector<std::byte*> blocks;
  for (std::size_t i = 0; i < kCount; ++i) blocks.push_back(segment.take(kLarge));
  for (std::byte* block : blocks) segment.give_back(block, kLarge);
  struct stat status {};
  ASSERT_EQ(::fstat(file, &status), 0);
  EXPECT_LE(static_cast<std::size_t>(status.st_blocks) * 512, limits::kPooledBytesMax + sizeof(SegmentControl) + 4096);
  std::memset(segment.take(kLarge), 1, kLarge);
}

TEST(SharedSegmentTest, IsSmallerWhereManyProcessesMapIt) {
  EXPECT_EQ(SharedSegment(1 << 20).control().capacity, std::size_t{64} << 20);
}

/// What opening that address fails with.
std::string problem_with(const std::string& address) {
  try {
    PeerSegment::open(address, 1);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNetwork);
    return error.what();
  }
  return "no error";
}

TEST(SharedMemoryAddressTest, ReadsWhatItWrites) {
  const SegmentAddress address{.pid = 4711, .file = 9, .token = 0xFEDC'BA98'7654'3210};
  EXPECT_EQ(address.text(), "shm://4711/9/fedcba9876543210");
  const SegmentAddress again = SegmentAddress::parse(address.text());
  EXPECT_EQ(again.pid, address.pid);
  EXPECT_EQ(again.file, address.file);
  EXPECT_EQ(again.token, address.token);
}

TEST(SharedMemoryAddressTest, RefusesWhatIsNone) {
  for (const char* text :
       {"", "shm://", "shm://1", "shm://1/2", "shm://1/2/", "shm://1/2/x", "shm://1/2/3/4", "shm:/1/2/3",
        "shm://1/2/3/", "shm://01/2/3", "shm://1/../3", "ipc://1/2/3", "shm://1/2/11111111111111111"}) {
    EXPECT_THAT(problem_with(text), HasSubstr("is no address of shared memory")) << text;
  }
}

TEST(SharedMemoryAddressTest, RefusesMemoryThatIsNotThatProcesss) {
  const SharedMemory memory(0, 2);
  SegmentAddress address = SegmentAddress::parse(memory.address());
  address.token ^= 1;
  EXPECT_THAT(problem_with(address.text()), HasSubstr("another process's file"));
  EXPECT_FALSE(memory.reaches(1));
}

TEST(SharedMemoryAddressTest, OpensNoOtherFile) {
  const int pipe_or_device = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ASSERT_GE(pipe_or_device, 0);
  EXPECT_THAT(problem_with(SegmentAddress{::getpid(), pipe_or_device, 1}.text()), HasSubstr("another process's file"));
  ::close(pipe_or_device);
  EXPECT_THAT(problem_with(SegmentAddress{::getpid(), pipe_or_device, 1}.text()), HasSubstr("No such file"));
}

TEST(SharedMemoryAddressTest, RefusesMemoryThatCouldShrink) {
  const int file = ::memfd_create("bosen-blocks", MFD_CLOEXEC);
  ASSERT_EQ(::ftruncate(file, 8 << 20), 0);
  EXPECT_THAT(problem_with(SegmentAddress{::getpid(), file, 1}.text()), HasSubstr("not of this program"));
  ::close(file);
}

TEST(SharedMemoryLimitTest, WhereItEndsTheHeapGoesOn) {
  const FileLimit limit(kBlocksOffset + (std::size_t{2} << 20));
  const auto segment = std::make_shared<SharedSegment>(2);
  BufferPool pool;
  pool.use(segment);
  const BufferRef first = pool.take(std::size_t{1} << 20);
  const BufferRef second = pool.take(std::size_t{2} << 20);
  const BufferRef third = pool.take(std::size_t{1} << 20);
  EXPECT_TRUE(segment->holds(first->data));
  EXPECT_FALSE(segment->holds(second->data));
  EXPECT_TRUE(segment->holds(third->data));
  std::memset(second->data, 1, second->capacity);
}

TEST(SharedMemoryLimitTest, SaysThatFilesMayNotBeLargeEnough) {
  const FileLimit limit(std::size_t{1} << 20);
  try {
    const SharedMemory memory(0, 2);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("ulimit -f"));
  }
}

}  // namespace
}  // namespace bosen::net
