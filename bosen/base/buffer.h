#pragma once

// Reference-counted memory for rows: written by one owner, then shared read-only between shards, caches and frames
// without a copy. A BufferPool keeps freed memory, because fresh pages cost more than filling them.
//
// Thread safety: references may be taken and dropped by any thread. The bytes may be written only by a thread that
// holds the only reference (`unique()`), or parts of them by one thread before anybody else was told of these parts.
// Those of another process (net/shm) are never written.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "bosen/base/block_memory.h"

namespace bosen {

class Buffer;

/// Gives a buffer's memory back when its last reference has gone.
class BufferOwner {
 public:
  virtual ~BufferOwner() = default;
  virtual void release(Buffer* buffer) = 0;
};

class Buffer {
 public:
  enum class Access : std::uint8_t { kReadWrite, kReadOnly };

  Buffer(BufferOwner& owner, std::byte* bytes, std::size_t byte_count, Access access = Access::kReadWrite)
      : data(bytes), capacity(byte_count), owner_(owner), access_(access) {}

  std::byte* const data;
  const std::size_t capacity;
  std::size_t size = 0;    ///< bytes in use
  std::uint32_t rows = 0;  ///< rows inside, once the block is sealed
  /// Rows of this block that are the current version in the shard's store, and in the process cache. Each is counted by
  /// its holder alone, under the holder's lock.
  std::uint32_t live_in_store = 0;
  std::uint32_t live_in_cache = 0;
  std::uint32_t mark = 0;  ///< scratch of the store while it selects rows

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    // The last one to go must see what all others did with the bytes.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) owner_.release(this);
  }
  /// Whether the caller's reference is the only one, and the bytes may be written; then all former holders' reads have
  /// happened before.
  [[nodiscard]] bool unique() const {
    return references_.load(std::memory_order_acquire) == 1 && access_ == Access::kReadWrite;
  }

  void reset() {
    size = 0;
    rows = live_in_store = live_in_cache = mark = 0;
    references_.store(1, std::memory_order_relaxed);
  }

 private:
  BufferOwner& owner_;
  std::atomic<std::uint32_t> references_{1};
  const Access access_;
};

/// A counted reference to a Buffer, or none.
class BufferRef {
 public:
  BufferRef() = default;
  /// Takes over a reference that was counted already.
  static BufferRef adopt(Buffer* buffer) {
    BufferRef reference;
    reference.buffer_ = buffer;
    return reference;
  }
  static BufferRef share(Buffer* buffer) {
    if (buffer != nullptr) buffer->retain();
    return adopt(buffer);
  }
  BufferRef(const BufferRef& other) : buffer_(other.buffer_) {
    if (buffer_ != nullptr) buffer_->retain();
  }
  BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() {
    if (buffer_ != nullptr) buffer_->release();
  }

  Buffer* get() const { return buffer_; }
  Buffer* operator->() const { return buffer_; }
  Buffer& operator*() const { return *buffer_; }
  explicit operator bool() const { return buffer_ != nullptr; }
  /// Gives the reference up without dropping it.
  [[nodiscard]] Buffer* detach() { return std::exchange(buffer_, nullptr); }

 private:
  Buffer* buffer_ = nullptr;
};

/// Hands out buffers aligned to cache lines and keeps them for reuse. Any thread may call it; it must outlive its
/// buffers.
class BufferPool final : public BufferOwner {
 public:
  BufferPool() = default;
  ~BufferPool() override;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// From now on buffers of at least limits::kSharedBlockBytesMin lie there. Once, before other threads use the pool.
  void use(std::shared_ptr<BlockMemory> memory) { memory_ = std::move(memory); }

  /// A buffer of at least `bytes`, its content undefined.
  BufferRef take(std::size_t bytes);
  void release(Buffer* buffer) override;

 private:
  static constexpr int kSizeClasses = 4 * 24;

  Buffer* make(std::size_t bytes);
  void destroy(Buffer* buffer) const;

  std::shared_ptr<BlockMemory> memory_;  // none: the heap
  std::mutex mutex_;
  std::array<std::vector<Buffer*>, kSizeClasses> free_;  // guarded by mutex_
  std::size_t pooled_bytes_ = 0;                         // guarded by mutex_
};

}  // namespace bosen
