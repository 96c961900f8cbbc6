#pragma once

// Tells data apart: a job that goes on from a checkpoint with other data would learn from both.

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "bosen/bosen.h"

namespace apps {

/// A number made of all that was added, in its order.
class Fingerprint {
 public:
  /// T has no padding.
  template <class T>
  void add(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto bytes = std::as_bytes(values);
    mix(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, &bytes[i], std::min(sizeof word, bytes.size() - i));
      mix(word);
    }
  }
  void add(std::string_view text) { add(std::span(text)); }

  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  void mix(std::uint64_t word) {
    value_ = (value_ ^ word) * 0x9E37'79B9'7F4A'7C15;  // odd, so that no two words come to the same
    value_ ^= value_ >> 32;
  }

  std::uint64_t value_ = 0;
};

/// Has the worker's checkpoints hold the data's fingerprint, which stays in place until the worker ends. Throws
/// bosen::Error(kData) where the job goes on from one that was made with other data. Where it goes on with another
/// number of workers, nothing is known of it.
inline void keep_fingerprint(bosen::Worker& worker, std::uint64_t& fingerprint) {
  const std::uint64_t now = fingerprint;
  worker.keep("data", fingerprint, bosen::Worker::Keep::kIfPossible);
  if (fingerprint == now) return;
  throw bosen::Error(bosen::ErrorKind::kData,
                     fmt::format("the checkpoint of clock {} was made with other data: go on with the data, and the "
                                 "flags that say how to read it, of the run before",
                                 worker.clock()));
}

}  // namespace apps
