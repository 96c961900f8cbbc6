#include "bosen/net/zmq/thread_sanitizer.h"

#ifdef __SANITIZE_THREAD__

#include <sanitizer/tsan_interface.h>

// The sanitizer asks for this by name when a program starts: what libzmq does to its own memory is its own affair.
extern "C" const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() { return "called_from_lib:libzmq.so\n"; }

namespace bosen::net {

void handed_over(void* address) { __tsan_release(address); }
void taken_over(void* address) { __tsan_acquire(address); }

}  // namespace bosen::net

#endif
