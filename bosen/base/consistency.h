#pragma once

// The consistency models as users choose them. docs/design/consistency.md says what each guarantees and what it costs.

#include <cstdint>
#include <string_view>

namespace bosen {

/// How far a read may lag behind the other workers, and how fresh values travel.
enum class Consistency : std::uint8_t {
  kBsp = 1,   ///< lock step: a read at clock c shows exactly the updates made before c, and the worker's own since
  kSsp = 2,   ///< at most `staleness` clocks behind; a copy that is too old is fetched when it is read
  kEssp = 3,  ///< at most `staleness` clocks behind; shards push changed rows to their readers after every clock
  kAsp = 4,   ///< no bound
};

/// "bsp", "ssp", "essp" or "asp".
std::string_view to_string(Consistency consistency);

/// The model of that name. Throws Error(kUsage) for any other.
Consistency parse_consistency(std::string_view name);

}  // namespace bosen
