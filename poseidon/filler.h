#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "poseidon/parameter.h"

namespace poseidon {

/// Draws a parameter's first values: a pure function of the seed and the name ("conv1.weight"), so that every worker,
/// and every backend, begins alike.
void fill(const Filler& filler, const Shape& shape, std::uint64_t seed, std::string_view name, std::span<float> values);

}  // namespace poseidon
