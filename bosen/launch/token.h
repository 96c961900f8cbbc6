#pragma once

// Secrets that name a job, a script's reports or an agent's greeting.

#include <string>

namespace bosen::launch {

/// 128 random bits as 32 hexadecimal digits. Throws Error(kUsage) where the system gives no random bytes.
std::string random_token();

}  // namespace bosen::launch
