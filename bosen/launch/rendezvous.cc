#include "bosen/launch/rendezvous.h"

#include <fmt/format.h>

#include "bosen/base/address.h"
#include "bosen/base/error.h"
#include "bosen/base/version.h"
#include "bosen/launch/limits.h"
#include "bosen/launch/socket.h"
#include "bosen/launch/text.h"

namespace bosen::launch {
namespace {

std::string request(const Placement& placement, const std::string& verb_and_arguments) {
  return fmt::format("bosen {} {} {}\n", kVersion, placement.job, verb_and_arguments);
}

/// Sends one request and returns the answer that ends it; every "waiting" line on the way is stored in `waiting_for`.
std::string ask(const Placement& placement, const std::string& line, std::string& waiting_for) {
  const auto address = parse_address(placement.rendezvous);
  if (!address) {
    throw Error(ErrorKind::kConfiguration,
                "'" + printable(placement.rendezvous) + "' (BOSEN_RENDEZVOUS) is not HOST:PORT");
  }
  const Deadline deadline = deadline_after(placement.timeout_s);
  const std::string who = fmt::format("rank {} on {}", placement.rank, placement.host);
  try {
    Connection connection(*address, deadline);
    connection.send(line, deadline);
    std::string answer;
    for (;;) {
      switch (connection.read_line(answer, deadline)) {
        case Connection::ReadResult::kTimeout:
          throw Error(ErrorKind::kTimeout,
                      fmt::format("waited {:g} s for {}; a longer --timeout helps where it is only slow",
                                  placement.timeout_s, waiting_for));
        case Connection::ReadResult::kClosed:
          throw Error(ErrorKind::kPeerLost,
                      "bosen run at " + placement.rendezvous +
                          " hung up; it has ended, or this process is not of its job (BOSEN_JOB)");
        case Connection::ReadResult::kLine:
          break;
      }
      if (!answer.starts_with("waiting ")) return answer;
      waiting_for = printable(answer.substr(8), kMaxRendezvousLine) + " to open its port and say where it listens";
    }
  } catch (const Error& error) {
    throw Error(error.kind(), who + ": " + error.what());
  }
}

[[noreturn]] void refuse(const Placement& placement, const std::string& answer) {
  const bool worded = answer.starts_with("error ");
  throw Error(
      ErrorKind::kConfiguration,
      fmt::format("rank {} on {}: bosen run {}{}", placement.rank, placement.host, worded ? "refuses: " : "answers ",
                  printable(worded ? std::string_view(answer).substr(6) : answer, kMaxRendezvousLine)));
}

RendezvousTable::Answer reply(std::string text) {
  return {RendezvousTable::Answer::Kind::kReply, std::move(text) + "\n"};
}

}  // namespace

void publish_coordinator(const Placement& placement, const std::string& address) {
  if (placement.rendezvous.empty()) return;
  std::string waiting_for = "bosen run at " + placement.rendezvous + " to take rank 0's address";
  const std::string answer =
      ask(placement, request(placement, fmt::format("publish {} {}", placement.rank, address)), waiting_for);
  if (answer != "ok") refuse(placement, answer);
}

std::string find_coordinator(const Placement& placement) {
  if (!placement.coordinator.empty()) return placement.coordinator;
  if (placement.rendezvous.empty()) {
    throw Error(ErrorKind::kConfiguration, "nothing says where rank 0 listens; set BOSEN_COORDINATOR=HOST:PORT");
  }
  std::string waiting_for = "bosen run at " + placement.rendezvous + " to answer";
  const std::string answer = ask(placement, request(placement, fmt::format("find {}", placement.rank)), waiting_for);
  constexpr std::string_view kAnswer = "coordinator ";
  if (!answer.starts_with(kAnswer) || !parse_address(answer.substr(kAnswer.size()))) refuse(placement, answer);
  return answer.substr(kAnswer.size());
}

RendezvousTable::RendezvousTable(std::string job, int size)
    : job_(std::move(job)), contacted_(static_cast<std::size_t>(size)) {}

RendezvousTable::Answer RendezvousTable::handle(std::string_view line, std::chrono::steady_clock::time_point now) {
  const std::vector<std::string_view> words = split(line, ' ');
  if (words.size() < 5 || words[0] != "bosen" || words[2] != job_) return {};
  const auto rank = parse_number<Rank>(words[4]);
  const bool publishing = words[3] == "publish" && words.size() == 6;
  const bool finding = words[3] == "find" && words.size() == 5;
  if (!rank || *rank < 0 || static_cast<std::size_t>(*rank) >= contacted_.size() || !(publishing || finding)) return {};
  if (!first_contact_) first_contact_ = now;
  contacted_[static_cast<std::size_t>(*rank)] = true;
  if (words[1] != kVersion) {
    return reply(fmt::format(
        "error rank {} is built with bosen {}, but bosen run is {}: build and install one version everywhere", *rank,
        printable(words[1], 20), kVersion));
  }
  if (publishing) return publish(*rank, words[5]);
  if (!coordinator_.empty()) return reply("coordinator " + coordinator_);
  return {Answer::Kind::kWait, "waiting " + rank_zero_ + "\n"};
}

RendezvousTable::Answer RendezvousTable::publish(Rank rank, std::string_view address) {
  if (rank != 0) return reply("error only rank 0 publishes an address");
  if (!parse_address(address)) return reply("error '" + printable(address) + "' is not HOST:PORT");
  if (!coordinator_.empty() && coordinator_ != address) {
    return reply("error rank 0 has already published " + coordinator_ + ": two processes claim to be rank 0");
  }
  coordinator_ = address;
  return reply("ok");
}

}  // namespace bosen::launch
