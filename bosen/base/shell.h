#pragma once

// Texts as words of a shell: in scripts that we send, and in commands that a message names for a person to type.

#include <string>
#include <string_view>

namespace bosen {

/// `text` in quotes, as one word of a POSIX shell, whatever bytes it holds (a NUL byte it cannot).
std::string shell_quote(std::string_view text);

/// The same for a person to read: `text` as it is where a shell takes it for one word without quotes.
std::string shell_word(std::string_view text);

}  // namespace bosen
