#pragma once

// A function with a stack of its own that can stop in the middle and go on later, all in one thread. Boost.Context does
// the work and stays behind this header.

#include <functional>
#include <memory>

namespace bosen::sim {

class Fibre {
 public:
  /// Runs nothing yet. The body throws nothing.
  explicit Fibre(std::function<void()> body);
  /// A body that has not ended is unwound: what lies on its stack is destroyed.
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// Runs the body until it suspends or ends. Not from a fibre.
  void resume();
  /// From the body: goes back to who resumed it.
  void suspend();
  [[nodiscard]] bool ended() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bosen::sim
