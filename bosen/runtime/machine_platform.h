#pragma once

// The machine that the program runs on: threads, the steady clock, sockets.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "bosen/runtime/platform.h"

namespace bosen::runtime {

class MachinePlatform final : public Platform {
 public:
  [[nodiscard]] core::TimeNs now() const override;
  [[nodiscard]] double epoch_s() const override;
  [[nodiscard]] bool is_simulated() const override { return false; }
  void rest(core::TimeNs duration) override;
  void expect_end(const Error& cause) override;
  void end_begins() override;
  std::unique_ptr<Waiter> make_waiter() override;
  void run_side_by_side(int count, const std::function<void(int)>& body) override;
  [[nodiscard]] core::TimeNs computing_time(WorkerId /*worker*/, Clock /*clock*/, core::TimeNs measured) override {
    return measured;
  }
  Joined join(const ProcessSpec& spec, ShapeRegistry& shapes, BufferPool& pool, JobListener listener) override;
  std::unique_ptr<NetworkDriver> drive(Network& network) override;

 private:
  std::mutex mutex_;  // a leaf; guards all below
  std::condition_variable_any end_expected_or_due_;
  bool end_expected_ = false;
  std::jthread last_resort_;  // ends the process where it does not end by itself; last, as it uses all of the above
};

}  // namespace bosen::runtime
