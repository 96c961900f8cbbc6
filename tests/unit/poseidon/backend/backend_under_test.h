#pragma once

// What the operations' tests run on: each program that is built of them brings its own backend.

#include <functional>
#include <memory>
#include <vector>

#include "poseidon/backend.h"

namespace poseidon::test {

struct BackendUnderTest {
  std::unique_ptr<Backend> backend;
  /// The nearest number that its tensors can hold.
  std::function<double(double)> representable;
  /// How exact results are at least, where they are less exact than floats allow.
  double tolerance = 0;
};

/// Ends the program with ctest's code for skipped tests, and says why, where there is no such device.
[[nodiscard]] BackendUnderTest make_backend_under_test();

/// Backends whose devices add up among themselves.
class GroupUnderTest {
 public:
  virtual ~GroupUnderTest() = default;
  /// In the member's thread; the group outlives it.
  [[nodiscard]] virtual BackendUnderTest join(int place) = 0;
  virtual void give_up() = 0;
};

/// No device is in two of them, but for groups of one, whose devices wait for nobody. Empty where there are not as
/// many.
[[nodiscard]] std::vector<std::unique_ptr<GroupUnderTest>> make_groups_under_test(int groups, int members);

}  // namespace poseidon::test
