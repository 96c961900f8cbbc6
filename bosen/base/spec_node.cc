#include "bosen/base/spec_node.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include "bosen/base/error.h"
#include "bosen/base/suggestion.h"
#include "bosen/base/yaml_quotes.h"

namespace bosen {

namespace {

/// A file that is being read.
struct Source {
  const std::string& file;
  const std::string& text;
};

}  // namespace

/// One value, with everything below it.
struct SpecNode::Data {
  Kind kind = Kind::kEmpty;
  std::string place;
  std::string key_place;  ///< empty where it has no key
  std::string text;
  std::vector<SpecNode> items;
  std::vector<std::pair<std::string, SpecNode>> fields;
  std::vector<std::pair<std::string, std::string>> repeated;  ///< keys that are there again, and where

  static SpecNode make(const YAML::Node& yaml, const Source& source, const std::string& key_place = {});
  /// No value, at a place that can be named.
  static SpecNode nothing_at(const std::string& place);
};

namespace {

/// Deeper files are not meant, and would exhaust the stack.
constexpr int kDepthMax = 64;
constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;
/// With aliases a short file can unfold to any number of values.
constexpr std::size_t kValuesMax = 1'000'000;

constexpr const char* kKeepOne = "keep one";

[[noreturn]] void refuse_spec(const std::string& message) { throw Error(ErrorKind::kConfiguration, message); }

std::string place_of(const std::string& file, const YAML::Mark& mark) {
  return mark.is_null() ? file : fmt::format("{}:{}:{}", file, mark.line + 1, mark.column + 1);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void check_quotes(const YAML::Node& yaml, const Source& source) {
  if (!begins_open_quote(source.text, static_cast<std::size_t>(yaml.Mark().pos))) return;
  refuse_spec(place_of(source.file, yaml.Mark()) + ": " + kOpenQuote);
}

[[noreturn]] void refuse_again(std::string_view key, const std::string& place, const char* mend) {
  refuse_spec(fmt::format("{}: key '{}' is given twice: {}", place, key, mend));
}

/// Counts the values on the way.
void check_size(const YAML::Node& yaml, const std::string& file, int depth, std::size_t& values) {
  if (depth > kDepthMax) refuse_spec(place_of(file, yaml.Mark()) + ": nested too deeply");
  if (++values > kValuesMax) refuse_spec(place_of(file, yaml.Mark()) + ": the file unfolds to too many values");
  if (yaml.IsSequence()) {
    for (const YAML::Node& item : yaml) check_size(item, file, depth + 1, values);
  } else if (yaml.IsMap()) {
    for (const auto& field : yaml) check_size(field.second, file, depth + 1, values);
  }
}

}  // namespace

SpecNode SpecNode::Data::make(const YAML::Node& yaml, const Source& source, const std::string& key_place) {
  const std::string& file = source.file;
  auto data = std::make_shared<Data>();
  data->place = place_of(file, yaml.Mark());
  data->key_place = key_place;
  if (yaml.IsScalar()) {
    data->kind = Kind::kText;
    data->text = yaml.Scalar();
    check_quotes(yaml, source);
  } else if (yaml.IsSequence()) {
    data->kind = Kind::kList;
    for (const YAML::Node& item : yaml) data->items.push_back(make(item, source));
  } else if (yaml.IsMap()) {
    data->kind = Kind::kMap;
    for (const auto& field : yaml) {
      const std::string place = place_of(file, field.first.Mark());
      if (!field.first.IsScalar()) refuse_spec(place + ": a key is a word");
      check_quotes(field.first, source);
      const std::string& key = field.first.Scalar();
      const auto same = [&](const auto& other) { return other.first == key; };
      if (std::any_of(data->fields.begin(), data->fields.end(), same)) {
        data->repeated.emplace_back(key, place);
        continue;
      }
      data->fields.emplace_back(key, make(field.second, source, place));
    }
  }
  SpecNode node;
  node.data_ = std::move(data);
  return node;
}

SpecNode SpecNode::Data::nothing_at(const std::string& place) {
  auto data = std::make_shared<Data>();
  data->place = place;
  SpecNode node;
  node.data_ = std::move(data);
  return node;
}

SpecNode SpecNode::parse(const std::string& text, const std::string& file) {
  try {
    const YAML::Node yaml = YAML::Load(text);
    std::size_t values = 0;
    check_size(yaml, file, 0, values);
    return Data::make(yaml, {file, text});
  } catch (const YAML::Exception& error) {
    if (const auto quote = find_open_quote(text); quote && quote->line <= error.mark.line) {
      refuse_spec(fmt::format("{}:{}:{}: {}", file, quote->line + 1, quote->column + 1, kOpenQuote));
    }
    refuse_spec(place_of(file, error.mark) + ": " + error.msg);
  }
}

SpecNode SpecNode::read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) refuse_spec(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  std::string text;
  std::array<char, 1 << 16> part{};
  while (text.size() <= kFileBytesMax && (stream.read(part.data(), part.size()) || stream.gcount() > 0)) {
    text.append(part.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) refuse_spec(fmt::format("cannot read '{}': it is no file of text", path));
  if (text.size() > kFileBytesMax) refuse_spec(fmt::format("{}: is too large for a description", path));
  return parse(text, path);
}

SpecNode::Kind SpecNode::kind() const { return data_ ? data_->kind : Kind::kEmpty; }

std::string SpecNode::place() const { return data_ ? data_->place : "?"; }

const std::string& SpecNode::text() const {
  static const std::string kNone;
  return data_ ? data_->text : kNone;
}

std::vector<SpecNode> SpecNode::items() const {
  if (kind() == Kind::kList) return data_->items;
  if (kind() == Kind::kEmpty) return {};
  return {*this};
}

const std::vector<std::pair<std::string, SpecNode>>& SpecNode::fields() const {
  static const std::vector<std::pair<std::string, SpecNode>> kNone;
  if (!data_) return kNone;
  for (const auto& [key, place] : data_->repeated) refuse_again(key, place, kKeepOne);
  return data_->fields;
}

const SpecNode* SpecNode::find(std::string_view key) const {
  if (!data_) return nullptr;
  if (const std::string again = second_place(key); !again.empty()) refuse_again(key, again, kKeepOne);
  for (const auto& [name, value] : data_->fields) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string SpecNode::second_place(std::string_view key) const {
  if (!data_) return {};
  for (const auto& [name, place] : data_->repeated) {
    if (name == key) return place;
  }
  return {};
}

SpecNode SpecNode::with(const std::string& key, const SpecNode& value) const {
  auto data = std::make_shared<Data>();
  data->kind = Kind::kMap;
  data->place = data_ ? data_->place : value.place();
  data->fields = fields();
  const auto same = [&](const auto& field) { return field.first == key; };
  const auto found = std::find_if(data->fields.begin(), data->fields.end(), same);
  if (found != data->fields.end()) {
    found->second = value;
  } else {
    data->fields.emplace_back(key, value);
  }
  SpecNode node;
  node.data_ = std::move(data);
  return node;
}

void SpecNode::fail(const std::string& message) const { refuse_spec(place() + ": " + message); }

void SpecNode::fail_at_key(const std::string& message) const {
  if (!data_ || data_->key_place.empty()) fail(message);
  refuse_spec(data_->key_place + ": " + message);
}

namespace {

template <class T>
bool parse_whole(std::string_view text, T& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return !text.empty() && error == std::errc{} && stop == end;
}

std::string shown(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

void check_range(const SpecNode& node, const std::string& name, double value, SpecRange range) {
  if (value >= range.minimum && value <= range.maximum) return;
  const std::string limit = std::isinf(range.maximum)
                                ? fmt::format("at least {}", shown(range.minimum))
                                : fmt::format("from {} to {}", shown(range.minimum), shown(range.maximum));
  node.fail(fmt::format("{}: must be {}, not {}", name, limit, node.text()));
}

const std::string& text_of(const SpecNode& node, const std::string& name, const char* what) {
  if (node.kind() != SpecNode::Kind::kText) node.fail(fmt::format("{}: must be {}", name, what));
  return node.text();
}

std::int64_t integer_of(const SpecNode& node, const std::string& name, SpecRange range) {
  std::int64_t value = 0;
  if (!parse_whole(text_of(node, name, "a whole number"), value)) {
    node.fail(fmt::format("{}: '{}' is not a whole number", name, node.text()));
  }
  check_range(node, name, static_cast<double>(value), range);
  return value;
}

double number_of(const SpecNode& node, const std::string& name, SpecRange range) {
  double value = 0;
  if (!parse_whole(text_of(node, name, "a number"), value) || !std::isfinite(value)) {
    node.fail(fmt::format("{}: '{}' is not a number", name, node.text()));
  }
  check_range(node, name, value, range);
  return value;
}

}  // namespace

SpecFields::SpecFields(const SpecNode& node, std::string what) : node_(node), what_(std::move(what)) {
  if (node.kind() != SpecNode::Kind::kMap && node.kind() != SpecNode::Kind::kEmpty) {
    node.fail(what_.empty() ? "must be keys with values" : what_ + ": must be keys with values");
  }
}

std::string SpecFields::name_of(std::string_view key) const {
  return what_.empty() ? std::string(key) : fmt::format("{}.{}", what_, key);
}

const SpecNode* SpecFields::look_up(std::string_view key, bool required) {
  known_.emplace(key);
  const SpecNode* const value = node_.find(key);
  if (value != nullptr && value->kind() != SpecNode::Kind::kEmpty) return value;
  if (required) refuse_missing(key);
  return nullptr;
}

const SpecNode* SpecFields::look_up_repeated(std::string_view key) {
  const std::string again = node_.second_place(key);
  if (!again.empty()) refuse_again(key, again, "write a repeated field as a list");
  return look_up(key, false);
}

// A key that nobody knows and that looks like the missing one was meant for it.
void SpecFields::refuse_missing(std::string_view key) const {
  for (const auto& [name, value] : node_.fields()) {
    const std::string hint = suggestion(name, std::vector<std::string>{std::string(key)});
    if (known_.contains(name) || hint.empty()) continue;
    value.fail_at_key(fmt::format("unknown key '{}'{}", name_of(name), hint));
  }
  node_.fail(fmt::format("{} is missing", name_of(key)));
}

bool SpecFields::has(std::string_view key) const {
  if (!node_.second_place(key).empty()) return true;
  const SpecNode* const value = node_.find(key);
  return value != nullptr && value->kind() != SpecNode::Kind::kEmpty;
}

std::int64_t SpecFields::integer(std::string_view key, std::optional<std::int64_t> otherwise, SpecRange range) {
  const SpecNode* const value = look_up(key, !otherwise);
  return value == nullptr ? *otherwise : integer_of(*value, name_of(key), range);
}

double SpecFields::number(std::string_view key, std::optional<double> otherwise, SpecRange range) {
  const SpecNode* const value = look_up(key, !otherwise);
  return value == nullptr ? *otherwise : number_of(*value, name_of(key), range);
}

bool SpecFields::boolean(std::string_view key, std::optional<bool> otherwise) {
  const SpecNode* const value = look_up(key, !otherwise);
  if (value == nullptr) return *otherwise;
  const std::string word = lower(text_of(*value, name_of(key), "true or false"));
  if (word != "true" && word != "false")
    value->fail(fmt::format("{}: must be true or false, not '{}'", name_of(key), value->text()));
  return word == "true";
}

std::string SpecFields::text(std::string_view key, std::optional<std::string> otherwise) {
  const SpecNode* const value = look_up(key, !otherwise);
  return value == nullptr ? *otherwise : text_of(*value, name_of(key), "a text");
}

std::size_t SpecFields::choice(std::string_view key, const std::vector<std::string>& choices,
                               std::optional<std::size_t> otherwise) {
  const SpecNode* const value = look_up(key, !otherwise);
  if (value == nullptr) return *otherwise;
  const std::string word = lower(text_of(*value, name_of(key), "a word"));
  std::string known;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (lower(choices[i]) == word) return i;
    known += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  }
  value->fail(fmt::format("{}: must be {}, not '{}'", name_of(key), known, value->text()));
}

std::vector<std::int64_t> SpecFields::integers(std::string_view key, SpecRange range) {
  std::vector<std::int64_t> values;
  const SpecNode* const node = look_up_repeated(key);
  if (node == nullptr) return values;
  for (const SpecNode& item : node->items()) values.push_back(integer_of(item, name_of(key), range));
  return values;
}

std::vector<double> SpecFields::numbers(std::string_view key, SpecRange range) {
  std::vector<double> values;
  const SpecNode* const node = look_up_repeated(key);
  if (node == nullptr) return values;
  for (const SpecNode& item : node->items()) values.push_back(number_of(item, name_of(key), range));
  return values;
}

std::vector<std::string> SpecFields::texts(std::string_view key) {
  std::vector<std::string> values;
  const SpecNode* const node = look_up_repeated(key);
  if (node == nullptr) return values;
  for (const SpecNode& item : node->items()) values.push_back(text_of(item, name_of(key), "a text, or a list of them"));
  return values;
}

SpecNode SpecFields::child(std::string_view key) {
  const SpecNode* const value = look_up(key, false);
  return value == nullptr ? SpecNode::Data::nothing_at(node_.place()) : *value;
}

SpecNode SpecFields::children(std::string_view key) {
  const SpecNode* const value = look_up_repeated(key);
  return value == nullptr ? SpecNode::Data::nothing_at(node_.place()) : *value;
}

void SpecFields::finish() const {
  for (const auto& [key, value] : node_.fields()) {
    if (known_.contains(key)) continue;
    const std::vector<std::string> names(known_.begin(), known_.end());
    value.fail_at_key(fmt::format("unknown key '{}'{}", name_of(key), suggestion(key, names)));
  }
}

void SpecFields::fail(std::string_view key, const std::string& message) const {
  const SpecNode* const value = node_.find(key);
  (value == nullptr ? node_ : *value).fail(fmt::format("{}: {}", name_of(key), message));
}

}  // namespace bosen
