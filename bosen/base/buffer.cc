#include "bosen/base/buffer.h"

#include <bit>
#include <new>

#include "bosen/base/limits.h"

namespace bosen {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kBytesMin = 256;

// Four classes to a power of two waste at most a quarter of a buffer.
struct SizeClass {
  int index;
  std::size_t bytes;
};

SizeClass size_class(std::size_t bytes) {
  if (bytes <= kBytesMin) return {0, kBytesMin};
  const int log2 = static_cast<int>(std::bit_width(bytes - 1)) - 1;
  const std::size_t step = (std::size_t{1} << log2) / 4;
  const std::size_t quarter = (bytes - (std::size_t{1} << log2) + step - 1) / step;
  const std::size_t rounded = (std::size_t{1} << log2) + quarter * step;
  constexpr int kBaseLog2 = static_cast<int>(std::bit_width(kBytesMin)) - 1;
  return {(log2 - kBaseLog2) * 4 + static_cast<int>(quarter), rounded};
}

}  // namespace

BufferPool::~BufferPool() {
  for (auto& buffers : free_) {
    for (Buffer* buffer : buffers) destroy(buffer);
  }
}

BufferRef BufferPool::take(std::size_t bytes) {
  const SizeClass wanted = size_class(bytes);
  if (wanted.index < kSizeClasses) {
    const std::lock_guard lock(mutex_);
    auto& buffers = free_[static_cast<std::size_t>(wanted.index)];
    if (!buffers.empty()) {
      Buffer* buffer = buffers.back();
      buffers.pop_back();
      pooled_bytes_ -= buffer->capacity;
      buffer->reset();
      return BufferRef::adopt(buffer);
    }
  }
  return BufferRef::adopt(make(wanted.bytes));
}

Buffer* BufferPool::make(std::size_t bytes) {
  std::byte* data = nullptr;
  if (memory_ && bytes >= limits::kSharedBlockBytesMin) data = memory_->take(bytes);
  if (data == nullptr) data = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlignment}));
  return new Buffer(*this, data, bytes);
}

void BufferPool::destroy(Buffer* buffer) const {
  if (memory_ && memory_->holds(buffer->data)) {
    memory_->give_back(buffer->data, buffer->capacity);
  } else {
    ::operator delete (buffer->data, std::align_val_t{kAlignment});
  }
  delete buffer;
}

void BufferPool::release(Buffer* buffer) {
  const SizeClass held = size_class(buffer->capacity);
  if (held.index < kSizeClasses) {
    const std::lock_guard lock(mutex_);
    if (pooled_bytes_ + buffer->capacity <= limits::kPooledBytesMax) {
      pooled_bytes_ += buffer->capacity;
      free_[static_cast<std::size_t>(held.index)].push_back(buffer);
      return;
    }
  }
  destroy(buffer);
}

}  // namespace bosen
