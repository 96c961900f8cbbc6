#pragma once

#include <cstdint>

namespace bosen {

/// What a process has exchanged with other processes so far, headers included. What stays in the process costs nothing.
struct Traffic {
  std::int64_t bytes_sent = 0;
  std::int64_t bytes_received = 0;
  std::int64_t framing_bytes = 0;  ///< of both: all but rows' elements (and columns) and what channels were given

  Traffic& operator+=(const Traffic& other) {
    bytes_sent += other.bytes_sent;
    bytes_received += other.bytes_received;
    framing_bytes += other.framing_bytes;
    return *this;
  }
};

}  // namespace bosen
