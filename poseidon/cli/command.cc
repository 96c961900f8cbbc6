#include "poseidon/cli/command.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "bosen/error.h"

namespace poseidon {

int run_body(const std::string& name, const std::function<void()>& body) {
  const auto fail = [&](const std::string& message, int code) {
    fmt::print(stderr, "{}: {}\n", name, message);
    return code;
  };
  try {
    body();
    return 0;
  } catch (const bosen::Error& error) {
    return fail(error.what(), bosen::exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return fail("out of memory: take a smaller --batch", 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

bool read_flags(const std::string& name, bosen::OptionReader& reader, int argc, const char* const* argv) {
  switch (reader.read(argc, argv)) {
    case bosen::OptionReader::Request::kHelp:
      fmt::print("{}", reader.help());
      return false;
    case bosen::OptionReader::Request::kVersion:
      fmt::print("{}\n", name);
      return false;
    case bosen::OptionReader::Request::kRun:
      break;
  }
  return true;
}

}  // namespace poseidon
