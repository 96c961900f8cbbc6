#pragma once

// What a call says when it refuses what it was given.

#include <string>

#include "bosen/base/error.h"

/// The message of the bosen::Error(kConfiguration) that `call` throws; what went otherwise, in words.
template <class Call>
std::string configuration_error(const Call& call) {
  try {
    call();
  } catch (const bosen::Error& error) {
    if (error.kind() != bosen::ErrorKind::kConfiguration)
      return std::string("an error of another kind: ") + error.what();
    return error.what();
  }
  return "no error";
}
