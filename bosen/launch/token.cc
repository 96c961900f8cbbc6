#include "bosen/launch/token.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/types.h>

#include <array>

#include "bosen/base/error.h"

namespace bosen::launch {

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(ErrorKind::kUsage, "the system gives no random bytes");
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace bosen::launch
