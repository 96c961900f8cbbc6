#include "bosen/runtime/control_protocol.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "bosen/base/json.h"
#include "bosen/base/limits.h"

namespace bosen::runtime {
namespace {

using Json = nlohmann::json;

/// What a text may grow to when each of its bytes is invalid UTF-8 and becomes U+FFFD.
constexpr std::size_t kReplacedTextBytesMax = 3 * kControlTextBytesMax;

bool is_control_byte(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; }

bool is_plain(std::string_view text, std::size_t limit) {
  return text.size() <= limit && std::none_of(text.begin(), text.end(), is_control_byte);
}

constexpr std::array<std::pair<ErrorKind, std::string_view>, 8> kKindNames{{
    {ErrorKind::kUsage, "usage"},
    {ErrorKind::kConfiguration, "configuration"},
    {ErrorKind::kData, "data"},
    {ErrorKind::kNetwork, "network"},
    {ErrorKind::kPeerLost, "peer_lost"},
    {ErrorKind::kStorage, "storage"},
    {ErrorKind::kTimeout, "timeout"},
    {ErrorKind::kDevice, "device"},
}};

std::string_view name_of(ErrorKind kind) {
  for (const auto& [candidate, name] : kKindNames) {
    if (candidate == kind) return name;
  }
  return "peer_lost";
}

std::optional<ErrorKind> kind_named(std::string_view name) {
  for (const auto& [kind, candidate] : kKindNames) {
    if (candidate == name) return kind;
  }
  return std::nullopt;
}

/// Reads fields of one object, and remembers whether all of them were there and of the right type and range.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  [[nodiscard]] bool good() const { return good_; }

  void read(const char* name, std::string& value, std::size_t limit = kMemberTextBytesMax) {
    const auto field = object_.find(name);
    good_ = good_ && field != object_.end() && field->is_string();
    if (!good_) return;
    value = field->get_ref<const std::string&>();
    good_ = is_plain(value, limit);
  }

  template <class Integer>
  void read(const char* name, Integer& value) {
    const auto field = object_.find(name);
    good_ = good_ && field != object_.end() && field->is_number_integer();
    if (!good_) return;
    good_ = field->is_number_unsigned() ? std::in_range<Integer>(field->get<std::uint64_t>())
                                        : std::in_range<Integer>(field->get<std::int64_t>());
    if (good_) value = field->get<Integer>();
  }

  void read(const char* name, std::vector<std::string>& values) {
    const auto field = object_.find(name);
    good_ = good_ && field != object_.end() && field->is_array() && field->size() <= kMemberAddressesMax;
    if (!good_) return;
    for (const Json& element : *field) {
      good_ = good_ && element.is_string() && is_plain(element.get_ref<const std::string&>(), kMemberAddressBytesMax);
      if (good_) values.push_back(element.get<std::string>());
    }
  }

 private:
  const Json& object_;
  bool good_ = true;
};

void put(Json& object, const Member& member) {
  object["rank"] = member.rank;
  object["host"] = member.host;
  object["machine"] = member.machine;
  object["pid"] = member.pid;
  object["version"] = member.version;
  object["workers"] = member.workers;
  object["shards"] = member.shards;
  object["addresses"] = member.addresses;
  object["checkpoint_every"] = member.checkpoint_every;
  object["checkpoints"] = member.checkpoints;
}

/// What every version says of a process.
void read_identity(Fields& fields, Member& member) {
  fields.read("rank", member.rank);
  fields.read("host", member.host);
  fields.read("pid", member.pid);
  fields.read("version", member.version);
}

void read_details(Fields& fields, Member& member) {
  fields.read("machine", member.machine);
  fields.read("workers", member.workers);
  fields.read("shards", member.shards);
  fields.read("addresses", member.addresses);
  fields.read("checkpoint_every", member.checkpoint_every);
  fields.read("checkpoints", member.checkpoints);
}

struct Encoder {
  Json& object;

  void operator()(const Hello& hello) const {
    object["type"] = "hello";
    object["job"] = hello.job;
    object["size"] = hello.size;
    object["servers"] = hello.servers;
    put(object, hello.member);
  }
  void operator()(const MemberEntry& entry) const {
    object["type"] = "member";
    put(object, entry.member);
  }
  void operator()(const Start& start) const {
    object["type"] = "start";
    object["epoch"] = start.epoch;
  }
  void operator()(const Heartbeat&) const { object["type"] = "heartbeat"; }
  void operator()(const Waiting& waiting) const {
    object["type"] = "waiting";
    object["text"] = one_line(waiting.text);
  }
  void operator()(const Status& status) const {
    object["type"] = "status";
    object["text"] = status.text;
  }
  void operator()(const Done&) const { object["type"] = "done"; }
  void operator()(const Released&) const { object["type"] = "released"; }
  void operator()(const Abort& abort) const {
    object["type"] = "abort";
    put_failure(abort.kind, abort.cause);
  }
  void operator()(const Failed& failed) const {
    object["type"] = "failed";
    put_failure(failed.kind, failed.cause);
  }

 private:
  void put_failure(ErrorKind kind, const std::string& cause) const {
    object["kind"] = name_of(kind);
    object["cause"] = one_line(cause);
  }
};

std::optional<ControlMessage> decode_hello(const Json& object) {
  Hello hello;
  Fields identity(object);
  identity.read("job", hello.job);
  read_identity(identity, hello.member);
  if (!identity.good()) return std::nullopt;
  Fields details(object);
  details.read("size", hello.size);
  details.read("servers", hello.servers);
  read_details(details, hello.member);
  hello.complete = details.good() && !problem_of(hello.member);
  return hello;
}

std::optional<ControlMessage> decode_member(const Json& object) {
  MemberEntry entry;
  Fields fields(object);
  read_identity(fields, entry.member);
  read_details(fields, entry.member);
  if (!fields.good() || problem_of(entry.member)) return std::nullopt;
  return entry;
}

std::optional<ControlMessage> decode_start(const Json& object) {
  Start start;
  Fields fields(object);
  fields.read("epoch", start.epoch);
  if (!fields.good()) return std::nullopt;
  return start;
}

std::optional<ControlMessage> decode_waiting(const Json& object) {
  Waiting waiting;
  Fields fields(object);
  fields.read("text", waiting.text, kReplacedTextBytesMax);
  if (!fields.good()) return std::nullopt;
  return waiting;
}

std::optional<ControlMessage> decode_status(const Json& object) {
  Status status;
  Fields fields(object);
  fields.read("text", status.text, kControlStatusBytesMax);
  if (!fields.good()) return std::nullopt;
  return status;
}

/// Abort and Failed have the same fields.
template <class Failure>
std::optional<ControlMessage> decode_failure(const Json& object) {
  Failure failed;
  std::string kind;
  Fields fields(object);
  fields.read("kind", kind);
  fields.read("cause", failed.cause, kReplacedTextBytesMax);
  const std::optional<ErrorKind> known = kind_named(kind);
  if (!fields.good() || !known) return std::nullopt;
  failed.kind = *known;
  return failed;
}

}  // namespace

std::string encode(const ControlMessage& message) {
  Json object = Json::object();
  std::visit(Encoder{object}, message);
  return dump_json(object) + '\n';
}

std::optional<ControlMessage> decode(std::string_view line) {
  if (line.size() >= kControlLineBytesMax) return std::nullopt;
  const Json object = parse_json(line);
  if (!object.is_object()) return std::nullopt;
  const auto type = object.find("type");
  if (type == object.end() || !type->is_string()) return std::nullopt;
  const auto& name = type->get_ref<const std::string&>();
  if (name == "heartbeat") return Heartbeat{};
  if (name == "hello") return decode_hello(object);
  if (name == "member") return decode_member(object);
  if (name == "start") return decode_start(object);
  if (name == "waiting") return decode_waiting(object);
  if (name == "status") return decode_status(object);
  if (name == "done") return Done{};
  if (name == "released") return Released{};
  if (name == "abort") return decode_failure<Abort>(object);
  if (name == "failed") return decode_failure<Failed>(object);
  return std::nullopt;
}

std::optional<std::string> problem_of(const Member& member) {
  const auto too_long = [](const char* what, std::size_t limit) {
    return std::string(what) + " is longer than " + std::to_string(limit) + " bytes or has control characters";
  };
  const auto beyond = [](const char* what, int value, int limit) {
    return "it has " + std::to_string(value) + ' ' + what + ", but a process has 0 to " + std::to_string(limit);
  };
  if (!is_plain(member.host, kMemberTextBytesMax)) return too_long("its host name", kMemberTextBytesMax);
  if (!is_plain(member.machine, kMemberTextBytesMax)) return too_long("its machine's name", kMemberTextBytesMax);
  if (!is_plain(member.version, kMemberTextBytesMax)) return too_long("its version", kMemberTextBytesMax);
  if (member.workers < 0 || member.workers > limits::kWorkersPerProcessMax) {
    return beyond("workers", member.workers, limits::kWorkersPerProcessMax);
  }
  if (member.shards < 0 || member.shards > limits::kShardsPerProcessMax) {
    return beyond("shards", member.shards, limits::kShardsPerProcessMax);
  }
  if (member.addresses.size() > kMemberAddressesMax) {
    return "it has more than " + std::to_string(kMemberAddressesMax) + " addresses";
  }
  for (const std::string& address : member.addresses) {
    if (!is_plain(address, kMemberAddressBytesMax)) return too_long("one of its addresses", kMemberAddressBytesMax);
  }
  return std::nullopt;
}

std::string describe(const Member& member) {
  return "rank " + std::to_string(member.rank) + " (host " + member.host + ", pid " + std::to_string(member.pid) + ')';
}

std::string seconds_text(std::int64_t nanoseconds) {
  std::array<char, 32> text{};
  const double seconds = static_cast<double>(nanoseconds) * 1e-9;
  std::snprintf(text.data(), text.size(), seconds < 10 ? "%.2g s" : "%.0f s", seconds);
  return text.data();
}

std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kControlTextBytesMax));
  // A cut must not leave the first half of a UTF-8 sequence behind: its continuation bytes start with binary 10.
  if (line.size() < text.size()) {
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0U) == 0x80U) line.pop_back();
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xC0U) line.pop_back();
  }
  std::replace_if(line.begin(), line.end(), is_control_byte, ' ');
  return line;
}

}  // namespace bosen::runtime
