#pragma once

// The way to a coordinator in another process: connects, again and again while nobody answers, greets, and keeps both
// sides sure that the other lives. Owned and driven by the control thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bosen/runtime/coordinator_link.h"
#include "bosen/runtime/line_connection.h"
#include "bosen/runtime/silence.h"

namespace bosen::runtime {

class RemoteCoordinator final : public CoordinatorLink {
 public:
  struct Options {
    Address address;  ///< where rank 0 listens
    Hello hello;
    std::int64_t started_ns = 0;   ///< since when the process wants to join, for messages
    std::int64_t deadline_ns = 0;  ///< by when the coordinator must have answered
    std::function<void(const std::string&)> notice;
  };

  RemoteCoordinator(Options options, std::int64_t now_ns);

  void watch(std::vector<pollfd>& descriptors) const override;
  [[nodiscard]] std::int64_t next_deadline_ns() const override;
  void serve(std::int64_t now_ns, std::vector<ControlMessage>& inbox) override;
  void send(const ControlMessage& message, std::int64_t now_ns) override;
  [[nodiscard]] bool ended(std::int64_t now_ns) const override;

 private:
  enum class State {
    kPausing,     ///< until attempt_until_ns_, then tries again
    kConnecting,  ///< at most until attempt_until_ns_
    kGreeting,    ///< has said hello and waits for the first answer, at most until attempt_until_ns_
    kAdmitted,
    kEnded,
  };

  void attempt(std::int64_t now_ns);
  void go_on_connecting(TcpConnector::State state, std::int64_t now_ns);
  void greet(std::int64_t now_ns);
  void pause(const std::string& problem, std::int64_t now_ns);
  void exchange(std::int64_t now_ns, std::vector<ControlMessage>& inbox);
  void take(ControlMessage message, std::int64_t now_ns, std::vector<ControlMessage>& inbox);
  void lose(const std::string& fate, std::int64_t now_ns, std::vector<ControlMessage>& inbox);
  void end(Failed failure, std::vector<ControlMessage>& inbox);
  void mind_the_time(std::int64_t now_ns, std::vector<ControlMessage>& inbox);
  [[nodiscard]] std::string name_of_rank_zero() const;

  const Options options_;
  State state_ = State::kPausing;
  std::int64_t attempt_until_ns_;
  std::int64_t pause_ns_;
  std::int64_t notice_due_ns_;
  std::string problem_ = "no answer";  ///< what stood in the way last
  std::unique_ptr<TcpConnector> connector_;
  std::optional<LineConnection> connection_;
  std::optional<Member> rank_zero_;
  StallDetector stall_;
  std::int64_t heard_ns_ = 0;
  std::int64_t heartbeat_due_ns_ = 0;
};

}  // namespace bosen::runtime
