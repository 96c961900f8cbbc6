#pragma once

// The clock before the first one of training, in which apps fill their tables.

#include "bosen/bosen.h"

namespace apps {

inline constexpr bosen::Clock kStartClocks = 1;

/// Throws bosen::Error(kUsage) where --clocks leaves none to learn in.
inline void expect_clocks_to_learn(const bosen::Options& options) {
  if (options.clocks == 0 || options.clocks > kStartClocks) return;
  throw bosen::Error(bosen::ErrorKind::kUsage,
                     "--clocks 1: the first clock only fills the tables, so nothing would be learned: give 2 or more");
}

}  // namespace apps
