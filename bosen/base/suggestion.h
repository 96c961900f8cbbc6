#pragma once

// What to say to somebody who mistyped a name.

#include <span>
#include <string>
#include <string_view>

namespace bosen {

/// "; did you mean 'staleness'?" with the candidate nearest to `word`, or nothing where none is near.
std::string suggestion(std::string_view word, std::span<const std::string> candidates);

}  // namespace bosen
