#pragma once

// How one layer's gradients travel between workers.

#include <string>
#include <string_view>

namespace poseidon {

enum class Scheme {
  kNone,  ///< one worker: nothing travels
  kPs,    ///< through a table
  kSfb,   ///< sufficient factors to every other worker
  kAuto,  ///< whichever of the two is measured to be faster, layer by layer; first the one with fewer bytes
};

/// "none", "ps", "sfb", "auto".
std::string_view name_of(Scheme scheme);
/// Of ps, sfb or auto. Throws bosen::Error(kUsage) with the reason alone.
Scheme scheme_named(const std::string& name);

}  // namespace poseidon
