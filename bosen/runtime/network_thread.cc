#include "bosen/runtime/network_thread.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"

namespace bosen::runtime {
namespace {

// How long the thread sleeps when nothing is due.
constexpr core::TimeNs kIdleNs = 100'000'000;

std::chrono::steady_clock::time_point at(core::TimeNs time) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time));
}

}  // namespace

NetworkThread::NetworkThread(Network& network) : network_(network) {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    try {
      receive_all(stop);
    } catch (const std::exception& error) {
      const Error cause = as_error(error);
      network_.fail(Error(cause.kind(), std::string("the network's thread can't go on: ") + cause.what()));
    }
  });
}

NetworkThread::~NetworkThread() {
  thread_.request_stop();
  network_.transport().wake();
}

void NetworkThread::receive_all(const std::stop_token& stop) {
  core::TimeNs next_tick = network_.now();
  while (!stop.stop_requested()) {
    std::optional<net::ReceivedFrame> received = network_.transport().receive(at(next_tick));
    if (received) network_.step(std::move(*received));
    const core::TimeNs now = network_.now();
    if (now < next_tick) continue;
    // An acknowledgement that becomes due meanwhile may be late by as much.
    next_tick = std::clamp(network_.tick(), now + limits::kAcknowledgeDelayNs, now + kIdleNs);
  }
}

}  // namespace bosen::runtime
