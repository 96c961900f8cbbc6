#pragma once

// Assertions of our own invariants, on in every build. Outside input (files, flags, frames) never meets one.

namespace bosen {

/// Prints what was violated and where, then aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace bosen

#define BOSEN_ASSERT(condition)                                \
  (__builtin_expect(static_cast<bool>(condition), 1) ? void(0) \
                                                     : ::bosen::assertion_failed(#condition, __FILE__, __LINE__))
