#pragma once

// Signals in a container, whose first process may be a program of ours: the kernel keeps from process 1 those that it
// does not handle, so that neither Ctrl-C nor SIGTERM, which Docker and Kubernetes send, would end it.

namespace bosen {

/// As process 1, has SIGINT, SIGTERM and SIGHUP end the program as they would any other, but for those that are
/// ignored. Once, when a program starts; does nothing in other processes.
void end_at_signals_as_first_process();

/// Ends the process by the signal, in its handler. As process 1, which none kills, with the exit code that a shell
/// would report: 128 and its number.
extern "C" void end_by_signal(int signal);

/// Where the signal goes that nothing else handles.
using SignalHandler = void (*)(int);
SignalHandler default_signal_handler();

}  // namespace bosen
