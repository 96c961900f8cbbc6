#pragma once

// libzmq is not instrumented, so the thread sanitizer cannot see how it passes messages from thread to thread. These
// say it. In other builds they do nothing.

namespace bosen::net {

#ifdef __SANITIZE_THREAD__
/// What this thread has done so far happens before what another one does after `taken_over` with the same address.
void handed_over(void* address);
void taken_over(void* address);
#else
inline void handed_over(void* /*address*/) {}
inline void taken_over(void* /*address*/) {}
#endif

}  // namespace bosen::net
