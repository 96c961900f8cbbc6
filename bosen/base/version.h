#pragma once

// The version of this build. Processes of one job must have the same.

namespace bosen {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace bosen
