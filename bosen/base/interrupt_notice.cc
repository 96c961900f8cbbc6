#include "bosen/base/interrupt_notice.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <utility>

#include "bosen/base/first_process.h"

namespace bosen {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM};

// A signal's handler gets no argument of ours. Release and acquire: it may run in any thread.
std::atomic<const std::string*> interrupt_text{nullptr};
static_assert(std::atomic<const std::string*>::is_always_lock_free);

extern "C" void tell_and_end(int signal) {
  if (const std::string* const text = interrupt_text.load(std::memory_order_acquire)) {
    static_cast<void>(::write(STDERR_FILENO, text->data(), text->size()) == 0);
  }
  end_by_signal(signal);
}

void handle_by(SignalHandler handler) {
  for (const int signal : kSignals) {
    if (std::signal(signal, handler) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

}  // namespace

InterruptNotice::InterruptNotice(std::string text) {
  set(std::move(text));
  handle_by(tell_and_end);
}

InterruptNotice::~InterruptNotice() {
  handle_by(default_signal_handler());
  interrupt_text.store(nullptr, std::memory_order_release);
}

void InterruptNotice::set(std::string text) {
  // A terminal shows ^C at the end of the progress.
  const char* const begin = ::isatty(STDERR_FILENO) == 1 ? "\n" : "";
  texts_.push_back(begin + std::move(text) + "\n");
  interrupt_text.store(&texts_.back(), std::memory_order_release);
}

}  // namespace bosen
