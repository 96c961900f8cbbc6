#include "bosen/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace bosen {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: invariant violated: %s\n", file, line, expression);
  std::abort();
}

}  // namespace bosen
