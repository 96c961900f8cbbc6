#include "bosen/net/zmq/frame_parts.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace bosen::net {

std::string FrameParts::take(std::vector<ZmqMessage>& parts, Rank peer, const SharedMemory* memory) {
  if (parts.empty() || parts.size() > kMost) return fmt::format("frame in {} parts", parts.size());
  head = std::move(parts[0]);
  if (parts.size() == 2) block = std::move(parts[1]);
  if (parts.size() < kMost) return {};
  BlockReference reference;
  if (!parts[1].bytes().empty() || parts[2].bytes().size() != sizeof reference) return "frame in 3 parts";
  std::memcpy(&reference, parts[2].bytes().data(), sizeof reference);
  if (memory != nullptr) lent_block = memory->borrow(peer, reference);
  return lent_block ? "" : "its block is in memory that can't be read here";
}

}  // namespace bosen::net
