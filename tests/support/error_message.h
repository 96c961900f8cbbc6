#pragma once

// What a call says when it refuses what it was given, whatever the kind of error.

#include <string>

#include "bosen/error.h"

/// The message of the bosen::Error that `call` throws, without `prefix` where it begins so; "no error" without one.
template <class Call>
std::string error_message(const Call& call, const std::string& prefix = {}) {
  try {
    call();
  } catch (const bosen::Error& error) {
    const std::string message = error.what();
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }
  return "no error";
}
