#include "tests/unit/poseidon/backend/backend_under_test.h"

#include "poseidon/backend/cpu/cpu_backend.h"

namespace poseidon::test {

BackendUnderTest make_backend_under_test() {
  return {.backend = std::make_unique<CpuBackend>(2),
          .representable = [](double value) { return static_cast<double>(static_cast<float>(value)); }};
}

std::vector<std::unique_ptr<GroupUnderTest>> make_groups_under_test(int /*groups*/, int /*members*/) { return {}; }

}  // namespace poseidon::test
