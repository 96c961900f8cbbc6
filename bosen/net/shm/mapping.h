#pragma once

// A piece of a file in this process's memory.

#include <cstddef>
#include <utility>

namespace bosen::net {

class Mapping {
 public:
  Mapping() = default;
  /// `protection` as for mmap. Throws Error(kNetwork).
  Mapping(int file, std::size_t offset, std::size_t bytes, int protection);
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace bosen::net
