#pragma once

// Errors that a user, a peer or the machine caused. They are thrown where they are understood and caught once, at the
// top of a program, where they become one line on stderr and an exit code. Broken invariants of our own are
// BOSEN_ASSERT's.

#include <exception>
#include <stdexcept>
#include <string>

namespace bosen {

/// What went wrong, as far as the exit code and the reader's next step are concerned.
enum class ErrorKind {
  kUsage,          ///< a flag or an API call is wrong
  kConfiguration,  ///< a configuration file or the environment is wrong
  kData,           ///< an input file is missing or malformed
  kNetwork,        ///< an address cannot be bound or reached
  kPeerLost,       ///< another process of the job died or fell silent
  kStorage,        ///< a file cannot be written
  kTimeout,        ///< something did not happen in time
  kDevice,         ///< an accelerator failed
};

/// One line: what happened, where (file:line:column, rank, host), and how to mend it.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  [[nodiscard]] ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

/// Exit code of a program that ends with such an error: 2 where the user can mend the input, 110 for a time-out,
/// else 1.
int exit_code(ErrorKind kind);

/// `error` itself where it is an Error; else what it says, with exit code 1 (to the others this process is lost).
Error as_error(const std::exception& error);

}  // namespace bosen
