#include "poseidon/solver/interrupt_notice.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <utility>

namespace poseidon {
namespace {

// A signal's handler gets no argument of ours. Release and acquire: it may run in any thread.
std::atomic<const std::string*> interrupt_text{nullptr};
static_assert(std::atomic<const std::string*>::is_always_lock_free);

extern "C" void tell_and_end(int signal) {
  if (const std::string* const text = interrupt_text.load(std::memory_order_acquire)) {
    static_cast<void>(::write(STDERR_FILENO, text->data(), text->size()) == 0);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // comes when the handler has returned
}

}  // namespace

InterruptNotice::InterruptNotice(std::string text) {
  set(std::move(text));
  if (std::signal(SIGINT, tell_and_end) == SIG_IGN) std::signal(SIGINT, SIG_IGN);
}

InterruptNotice::~InterruptNotice() {
  if (std::signal(SIGINT, SIG_DFL) == SIG_IGN) std::signal(SIGINT, SIG_IGN);
  interrupt_text.store(nullptr, std::memory_order_release);
}

void InterruptNotice::set(std::string text) {
  // A terminal shows ^C at the end of the progress.
  const char* const begin = ::isatty(STDERR_FILENO) == 1 ? "\n" : "";
  texts_.push_back(begin + std::move(text) + "\n");
  interrupt_text.store(&texts_.back(), std::memory_order_release);
}

}  // namespace poseidon
