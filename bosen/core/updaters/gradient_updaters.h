#pragma once

// The updaters that come with the system, besides add.

#include "bosen/base/updater.h"

namespace bosen::core {

/// v = momentum * v - learning_rate * g; w += v.
template <class T>
std::unique_ptr<Updater<T>> make_sgd(const UpdaterOptions& options);

/// h += g^2; w -= learning_rate * g / (sqrt(h) + epsilon). Duchi, Hazan, Singer, JMLR 2011.
template <class T>
std::unique_ptr<Updater<T>> make_adagrad(const UpdaterOptions& options);

/// Kingma & Ba, ICLR 2015, algorithm 1.
template <class T>
std::unique_ptr<Updater<T>> make_adam(const UpdaterOptions& options);

/// The first update of a clock replaces the row, the others are added. Under bsp, whose updates are applied clock by
/// clock, the row shows the sum of the last clock in which anybody updated it.
template <class T>
std::unique_ptr<Updater<T>> make_clock_sum(const UpdaterOptions& options);

}  // namespace bosen::core
