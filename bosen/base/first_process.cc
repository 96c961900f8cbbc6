#include "bosen/base/first_process.h"

#include <unistd.h>

#include <array>
#include <csignal>

namespace bosen {
namespace {

bool is_first_process() { return ::getpid() == 1; }

}  // namespace

void end_at_signals_as_first_process() {
  if (!is_first_process()) return;
  for (const int signal : std::array{SIGINT, SIGTERM, SIGHUP}) {
    if (std::signal(signal, end_by_signal) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

extern "C" void end_by_signal(int signal) {
  if (is_first_process()) ::_exit(128 + signal);
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // comes when the handler has returned
}

SignalHandler default_signal_handler() { return is_first_process() ? end_by_signal : SIG_DFL; }

}  // namespace bosen
