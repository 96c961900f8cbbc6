#pragma once

// The machine that the program runs on: threads, the steady clock, sockets.

#include <memory>

#include "bosen/runtime/platform.h"

namespace bosen::runtime {

class MachinePlatform final : public Platform {
 public:
  [[nodiscard]] core::TimeNs now() const override;
  [[nodiscard]] double epoch_s() const override;
  void rest(core::TimeNs duration) override;
  std::unique_ptr<Waiter> make_waiter() override;
  void run_side_by_side(int count, const std::function<void(int)>& body) override;
  [[nodiscard]] core::TimeNs computing_time(WorkerId /*worker*/, Clock /*clock*/, core::TimeNs measured) override {
    return measured;
  }
  Joined join(const ProcessSpec& spec, ShapeRegistry& shapes, BufferPool& pool, JobListener listener) override;
  std::unique_ptr<NetworkDriver> drive(Network& network) override;
};

}  // namespace bosen::runtime
