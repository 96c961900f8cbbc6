#pragma once

// Runs a transcript: a text of commands to a small job, each followed by what it makes happen.
//
//     # a comment
//     processes 2 servers 1 model ssp staleness 1
//     advance 0 x2
//       process 0 -> shard 0: worker 0 ends clock 0
//       ...
//
// Lines that begin with a blank are what is expected. The commands are listed in tests/scripts/README.md.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bosen/core/link.h"
#include "tests/support/sim_cluster.h"

namespace bosen::testing {

/// Joins processes by links; frames lie under way until they are delivered or lost.
class LinkCarrier final : public Carrier {
 public:
  explicit LinkCarrier(int processes);

  void carry(Rank from, Rank to, wire::Envelope envelope) override;

  using Deliver = std::function<void(Rank to, wire::Envelope envelope)>;
  /// Delivers the oldest frame under way that is not held; false where there is none.
  bool deliver_one(const Deliver& deliver);
  /// Frames from one process to another stay under way until they are released.
  void set_held(Rank from, Rank to, bool held) { route(from, to).held = held; }
  /// The connection breaks: what is under way is lost. Returns how many frames.
  std::size_t cut(Rank a, Rank b);
  void wait(core::TimeNs duration);
  [[nodiscard]] std::size_t under_way(Rank from, Rank to) { return route(from, to).frames.size(); }
  [[nodiscard]] std::uint64_t retransmissions() const;

 private:
  struct Route {
    std::unique_ptr<core::Link> link;  // the sender's end
    std::vector<wire::Frame> frames;
    bool held = false;
  };
  Route& route(Rank from, Rank to) { return routes_.at({from, to}); }

  std::map<std::pair<Rank, Rank>, Route> routes_;
  core::TimeNs now_ = 1'000'000'000;
};

class Transcript {
 public:
  /// The text with what really happens after each command.
  static std::string run(const std::string& text);

 private:
  using Words = std::vector<std::string>;
  struct WaitingGet {
    WorkerId worker;
    RowId row;
  };

  std::string execute(const std::string& command);
  void start(const Words& words);
  void make_table(Rank rank);
  void create(const Words& words);
  void get(WorkerId worker, RowId row);
  bool show_row(WorkerId worker, RowId row);
  void inc(const Words& words);
  void advance(WorkerId worker, int times, bool finishes);
  void barrier(WorkerId worker);
  void deliver_everything();
  void handle_mail(Rank rank);
  void note(const wire::Envelope& envelope);
  void say(const std::string& line) { output_ += "  " + line + "\n"; }
  void show_stored(RowId row);
  void show_creation();

  [[nodiscard]] SimProcess& process_of(WorkerId worker);
  [[nodiscard]] int local_number(WorkerId worker) const;
  [[nodiscard]] core::ClientTable& table_of(WorkerId worker) { return process_of(worker).client().table(0); }

  BufferPool pool_;  // outlives everything that may hold a block
  core::UpdaterCatalog updaters_;
  wire::TableSpec spec_;
  std::int64_t cache_rows_ = 0;
  std::unique_ptr<LinkCarrier> carrier_;
  std::unique_ptr<SimCluster> cluster_;
  std::vector<WaitingGet> waiting_;
  std::map<Rank, int> at_barrier_;
  std::map<Rank, std::uint64_t> passed_;
  std::string output_;
};

}  // namespace bosen::testing
