#include "tests/support/transcript.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/describe_message.h"
#include "tests/support/elements.h"

namespace bosen::testing {

using core::ClientCore;
using core::ClientTable;
using core::Outbox;

LinkCarrier::LinkCarrier(int processes) {
  for (Rank from = 0; from < processes; ++from) {
    for (Rank to = 0; to < processes; ++to) {
      routes_[{from, to}] = {.link = std::make_unique<core::Link>(1, 1), .frames = {}};
    }
  }
}

void LinkCarrier::carry(Rank from, Rank to, wire::Envelope envelope) {
  Route& way = route(from, to);
  way.link->send(std::move(envelope), now_, way.frames);
}

bool LinkCarrier::deliver_one(const Deliver& deliver) {
  for (auto& [pair, way] : routes_) {
    if (way.frames.empty() || way.held) continue;
    wire::Frame frame = std::move(way.frames.front());
    way.frames.erase(way.frames.begin());
    std::vector<wire::Envelope> delivered;
    Route& back = route(pair.second, pair.first);
    back.link->step(std::move(frame), now_, delivered, back.frames);
    for (wire::Envelope& envelope : delivered) deliver(pair.second, std::move(envelope));
    return true;
  }
  return false;
}

std::size_t LinkCarrier::cut(Rank a, Rank b) {
  const std::size_t lost = route(a, b).frames.size() + route(b, a).frames.size();
  route(a, b).frames.clear();
  route(b, a).frames.clear();
  return lost;
}

void LinkCarrier::wait(core::TimeNs duration) {
  now_ += duration;
  for (auto& [pair, way] : routes_) way.link->tick(now_, way.frames);
}

std::uint64_t LinkCarrier::retransmissions() const {
  std::uint64_t count = 0;
  for (const auto& [pair, way] : routes_) count += way.link->retransmissions();
  return count;
}

namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// The value after `name`, as in "processes 2 servers 1", or of "name=value".
std::optional<std::string> option(const std::vector<std::string>& words, const std::string& name) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == name && i + 1 < words.size()) return words[i + 1];
    if (words[i].starts_with(name + "=")) return words[i].substr(name.size() + 1);
  }
  return {};
}

std::int64_t number(const std::vector<std::string>& words, const std::string& name, std::int64_t otherwise) {
  const auto text = option(words, name);
  return text ? std::stoll(*text) : otherwise;
}

RowId row_of(const std::vector<std::string>& words) { return number(words, "row", 0); }

}  // namespace

std::string Transcript::run(const std::string& text) {
  Transcript transcript;
  std::istringstream in(text);
  std::string result;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(" ")) continue;  // what was expected
    result += line + "\n";
    if (!line.empty() && !line.starts_with("#")) result += transcript.execute(line);
  }
  return result;
}

std::string Transcript::execute(const std::string& command) {
  output_.clear();
  const Words words = words_of(command);
  const std::string& verb = words[0];
  const auto id = words.size() > 1 && std::isdigit(words[1][0]) != 0 ? static_cast<WorkerId>(std::stol(words[1])) : 0;
  if (verb == "processes") {
    start(words);
  } else if (verb == "create") {
    create(words);
  } else if (verb == "get") {
    get(id, row_of(words));
  } else if (verb == "inc") {
    inc(words);
  } else if (verb == "advance") {
    advance(id, words.size() > 2 ? static_cast<int>(std::stol(words[2].substr(1))) : 1, false);
  } else if (verb == "finish") {
    advance(id, 1, true);
  } else if (verb == "barrier") {
    barrier(id);
  } else if (verb == "hold" || verb == "release") {
    carrier_->set_held(id, static_cast<Rank>(std::stol(words.at(3))), verb == "hold");
  } else if (verb == "cut") {
    say("frames lost: " + std::to_string(carrier_->cut(id, static_cast<Rank>(std::stol(words.at(3))))));
  } else if (verb == "wait") {
    const std::uint64_t before = carrier_->retransmissions();
    carrier_->wait(number(words, "wait", 1) * 1'000'000'000);
    say("frames sent again: " + std::to_string(carrier_->retransmissions() - before));
  } else if (verb == "stored") {
    show_stored(row_of(words));
  } else {
    throw std::invalid_argument("what is '" + command + "'?");
  }
  if (cluster_) deliver_everything();
  if (verb == "create") show_creation();
  return output_;
}

void Transcript::start(const Words& words) {
  waiting_.clear();
  at_barrier_.clear();
  passed_.clear();
  spec_ = {};
  const std::int64_t servers = number(words, "servers", 0);
  const ProcessShape client{.workers = static_cast<int>(number(words, "workers", 1)),
                            .shards = static_cast<int>(number(words, "shards", servers > 0 ? 0 : 1))};
  std::vector<ProcessShape> shapes(static_cast<std::size_t>(number(words, "processes", 1)), client);
  shapes.insert(shapes.end(), static_cast<std::size_t>(servers), ProcessShape{.workers = 0, .shards = 1});
  carrier_ = std::make_unique<LinkCarrier>(static_cast<int>(shapes.size()));
  cluster_ = std::make_unique<SimCluster>(shapes, updaters_, pool_, *carrier_);
  spec_.name = "table";
  spec_.shape = {.kind = RowKind::kDense, .element = ElementType::kInt64, .width = number(words, "width", 2)};
  if (const auto updater = option(words, "updater")) {
    spec_.updater.name = *updater;
    spec_.updater.learning_rate = 1;
    spec_.shape.element = ElementType::kDouble;
  }
  cache_rows_ = number(words, "cache", 0);
  const auto model = option(words, "model");
  if (!model) return;  // tables are created by hand
  spec_.consistency = parse_consistency(*model);
  spec_.staleness = number(words, "staleness", 0);
  for (Rank rank = 0; rank < cluster_->members().clients(); ++rank) make_table(rank);
  deliver_everything();
  output_.clear();
}

void Transcript::make_table(Rank rank) {
  SimProcess& process = cluster_->process(rank);
  process.with_client([&](ClientCore& client, Outbox& outbox) { client.create_table(spec_, cache_rows_, outbox); });
  for (int worker = 0; worker < process.workers(); ++worker) {
    process.client().reclaimer().enter(static_cast<std::size_t>(worker));
  }
}

void Transcript::create(const Words& words) {
  spec_.consistency = parse_consistency(option(words, "model").value_or("essp"));
  spec_.staleness = number(words, "staleness", 0);
  spec_.shape.width = number(words, "width", spec_.shape.width);
  make_table(static_cast<Rank>(std::stol(words.at(1))));
}

void Transcript::show_creation() {
  for (Rank rank = 0; rank < cluster_->members().clients(); ++rank) {
    ClientCore& client = cluster_->process(rank).client();
    if (client.tables() == 0) continue;
    const ClientCore::Creation& creation = client.table_creation(0);
    const std::string state = !creation.done()           ? "waits for the table"
                              : creation.problem.empty() ? "has the table"
                                                         : "fails";
    say("process " + std::to_string(rank) + " " + state);
  }
}

SimProcess& Transcript::process_of(WorkerId worker) {
  return cluster_->process(cluster_->members().rank_of_worker(worker));
}

int Transcript::local_number(WorkerId worker) const {
  const core::Membership& members = cluster_->members();
  return worker - members.first_worker(members.rank_of_worker(worker));
}

void Transcript::get(WorkerId worker, RowId row) {
  if (show_row(worker, row)) return;
  ClientTable& table = table_of(worker);
  say("worker " + std::to_string(worker) + " has no copy that is fresh enough");
  process_of(worker).with_client([&](ClientCore&, Outbox& outbox) {
    table.request(table.part(local_number(worker)), {&row, 1}, outbox);
  });
  waiting_.push_back({worker, row});
}

bool Transcript::show_row(WorkerId worker, RowId row) {
  ClientTable& table = table_of(worker);
  ClientTable::WorkerPart& part = table.part(local_number(worker));
  const std::byte* data = table.read(part, row);
  if (data == nullptr) return false;
  say("worker " + std::to_string(worker) + " at clock " + std::to_string(part.clock) + " sees " + std::to_string(row) +
      "=" + describe_row(table.spec().shape, data));
  return true;
}

void Transcript::inc(const Words& words) {
  const auto worker = static_cast<WorkerId>(std::stol(words.at(1)));
  const RowId row = row_of(words);
  const auto column = static_cast<Column>(number(words, "column", worker));
  ClientTable& table = table_of(worker);
  ClientTable::WorkerPart& part = table.part(local_number(worker));
  std::uint32_t slot = table.slot_to_inc(part, row);
  while (slot == core::RowIndex::kNone) {
    process_of(worker).with_client([&](ClientCore&, Outbox&) { table.add_slot(row); });
    slot = table.slot_to_inc(part, row);
  }
  std::byte update[8];
  write_element(spec_.shape.element, update, number(words, "by", 1));
  part.delta.inc_dense_at(slot, row, table.shard(slot), {&column, 1}, update);
}

void Transcript::advance(WorkerId worker, int times, bool finishes) {
  SimProcess& process = process_of(worker);
  const int local = local_number(worker);
  for (int i = 0; i < times; ++i) {
    process.with_client([&](ClientCore& client, Outbox& outbox) { client.table(0).advance(local, finishes, outbox); });
    handle_mail(process.rank());  // the process's own shards, before the worker goes on
    process.client().quiesce(local);
    process.client().collect();
  }
}

void Transcript::barrier(WorkerId worker) {
  SimProcess& process = process_of(worker);
  if (++at_barrier_[process.rank()] % process.workers() != 0) return;
  process.with_client([](ClientCore& client, Outbox& outbox) { client.arrive_at_barrier(outbox); });
}

void Transcript::handle_mail(Rank rank) {
  SimProcess& process = cluster_->process(rank);
  while (process.has_mail()) {
    for (std::size_t actor = process.actors(); actor-- > 0;) {
      while (process.has_mail(actor)) {
        note(process.next_mail(actor));
        process.handle_one(actor);
      }
    }
  }
}

void Transcript::note(const wire::Envelope& envelope) {
  say(describe(envelope.from) + " -> " + describe(envelope.to) + ": " + describe(envelope.message, spec_.shape));
  const auto* request = std::get_if<wire::ReadRequest>(&envelope.message);
  if (request == nullptr) return;
  if (cluster_->shard(envelope.to.shard_id()).minimum(0) < request->needed) {
    say("parked at " + describe(envelope.to) + " until clock " + std::to_string(request->needed));
  }
}

void Transcript::deliver_everything() {
  for (bool progress = true; progress;) {
    for (Rank rank = 0; rank < cluster_->size(); ++rank) handle_mail(rank);
    progress = carrier_->deliver_one(
        [this](Rank to, wire::Envelope envelope) { cluster_->process(to).post(std::move(envelope)); });
  }
  std::erase_if(waiting_, [this](const WaitingGet& wait) { return show_row(wait.worker, wait.row); });
  for (Rank rank = 0; rank < cluster_->members().clients(); ++rank) {
    const std::uint64_t passed = cluster_->process(rank).client().barriers_passed();
    if (std::exchange(passed_[rank], passed) < passed)
      say("process " + std::to_string(rank) + " has passed the barrier");
  }
}

void Transcript::show_stored(RowId row) {
  const auto stored = cluster_->row_on_shard(0, spec_.shape, row);
  say("shard " + std::to_string(core::shard_of(row, cluster_->members().shards())) + " has " + std::to_string(row) +
      "=" + describe_row(spec_.shape, stored.bytes.data()));
}

}  // namespace bosen::testing
