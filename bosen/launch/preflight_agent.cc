#include "bosen/launch/preflight_agent.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

#include "bosen/base/error.h"
#include "bosen/base/version.h"
#include "bosen/launch/greeter.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

std::int64_t now_us() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

std::string connect(std::string_view where, const std::string& token) {
  const auto address = parse_address(where);
  if (!address) return fmt::format("unreached {} this is not HOST:PORT", printable(where));
  try {
    const double took_s = greet(*address, token, deadline_after(kAgentConnectSeconds));
    return fmt::format("reached {} {:.0f}", where, took_s * 1e6);
  } catch (const Error& error) {
    return fmt::format("unreached {} {}", where, error.what());
  }
}

}  // namespace

std::string answer_as_agent(std::string_view line) {
  const std::vector<std::string_view> words = split(trim(line), ' ');
  if (words.size() == 1 && words[0] == "time") return fmt::format("time {}", now_us());
  if (words.size() == 3 && words[0] == "connect") return connect(words[1], std::string(words[2]));
  return {};
}

void answer_side_by_side(std::istream& lines, const std::function<void(const std::string&)>& report) {
  std::mutex reporting;
  std::counting_semaphore<kAgentConnectionsMax> room(kAgentConnectionsMax);
  std::vector<std::jthread> threads;  // they end before what they use
  for (std::string line; std::getline(lines, line);) {
    room.acquire();
    threads.emplace_back([&, line] {
      const std::string answer = answer_as_agent(line);
      room.release();
      const std::lock_guard lock(reporting);
      if (!answer.empty()) report(answer);
    });
  }
}

int run_preflight_agent(const std::string& nonce) {
  const auto report = [&](const std::string& text) {
    fmt::print("\x1e{} {}\n", nonce, text);
    std::fflush(stdout);
  };
  const Greeter greeter;
  report(fmt::format("agent {} {} {}", kVersion, greeter.port(), greeter.token()));
  answer_side_by_side(std::cin, report);
  return 0;
}

}  // namespace bosen::launch
