#include "bosen/base/config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <type_traits>

#include "bosen/base/error.h"
#include "bosen/base/limits.h"
#include "bosen/base/suggestion.h"
#include "bosen/base/yaml_quotes.h"

namespace bosen {
namespace {

constexpr const char* kGeneral = "General";

[[noreturn]] void refuse(const std::string& reason) { throw Error(ErrorKind::kUsage, reason); }

/// "a, b or c"
std::string alternatives(const std::vector<std::string>& choices) {
  const std::size_t last = choices.size() - 1;
  if (last == 0) return choices[0];
  return fmt::format("{} or {}", fmt::join(choices.begin(), choices.end() - 1, ", "), choices[last]);
}

/// Whole numbers as they are written, not 1e+09.
std::string limit_text(double limit) {
  constexpr double kExact = 9e15;
  if (limit == std::floor(limit) && std::fabs(limit) < kExact) return std::to_string(static_cast<std::int64_t>(limit));
  return fmt::format("{:g}", limit);
}

template <class T>
T parse_number(const std::string& text, const OptionRule& rule) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const bool whole = std::is_integral_v<T>;
  if (error == std::errc::result_out_of_range) {
    const bool tiny = !whole && std::abs(std::strtod(text.c_str(), nullptr)) < 1;
    refuse(fmt::format("{} is too {} a number", text, tiny ? "small" : "large"));
  }
  const bool negative =
      text.size() > 1 && text[0] == '-' && text.find_first_not_of("0123456789", 1) == std::string::npos;
  if (std::is_unsigned_v<T> && negative) refuse(fmt::format("must be at least 0, not {}", text));
  if (text.empty() || error != std::errc{} || stop != end || !std::isfinite(static_cast<double>(value))) {
    refuse(fmt::format("'{}' is not a {}number", text, whole ? "whole " : ""));
  }
  const auto number = static_cast<double>(value);
  if (number >= rule.minimum && number <= rule.maximum) return value;
  if (std::isinf(rule.maximum)) refuse(fmt::format("must be at least {}, not {}", limit_text(rule.minimum), text));
  if (std::isinf(rule.minimum)) refuse(fmt::format("must be at most {}, not {}", limit_text(rule.maximum), text));
  refuse(fmt::format("must be from {} to {}, not {}", limit_text(rule.minimum), limit_text(rule.maximum), text));
}

bool parse_bool(const std::string& text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  refuse(fmt::format("'{}' is neither true nor false", text));
}

void check_choice(const std::string& text, const OptionRule& rule) {
  if (rule.choices.empty() || std::find(rule.choices.begin(), rule.choices.end(), text) != rule.choices.end()) return;
  refuse(fmt::format("'{}' is not known: use {}", text, alternatives(rule.choices)));
}

std::string value_name(const AppOption& option) {
  if (!option.rule.value_name.empty()) return option.rule.value_name;
  if (!option.rule.choices.empty()) return fmt::format("{{{}}}", fmt::join(option.rule.choices, ","));
  if (std::holds_alternative<double*>(option.target)) return "X";
  const bool is_number = std::holds_alternative<int*>(option.target) ||
                         std::holds_alternative<std::int64_t*>(option.target) ||
                         std::holds_alternative<std::uint64_t*>(option.target);
  return is_number ? "N" : "TEXT";
}

std::string joined(const std::vector<std::string>& texts) { return fmt::format("{}", fmt::join(texts, ",")); }

ConfigValue whole_number_or_text(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return text;
  return number;
}

ConfigValue value_of(const OptionTarget& target, const std::string& parsed_text) {
  return std::visit(
      [&](const auto& held) -> ConfigValue {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, OptionParser>) {
          return whole_number_or_text(parsed_text);
        } else if constexpr (std::is_same_v<T, int*>) {
          return std::int64_t{*held};
        } else if constexpr (std::is_same_v<T, std::vector<std::string>*>) {
          return joined(*held);
        } else {
          return *held;
        }
      },
      target);
}

std::string text_of(const ConfigValue& value) {
  return std::visit([](const auto& held) { return fmt::format("{}", held); }, value);
}

std::string read_text(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) {
    throw Error(ErrorKind::kConfiguration,
                fmt::format("cannot read configuration file '{}': {}", path, std::strerror(errno)));
  }
  std::string text(limits::kConfigBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) {
    throw Error(ErrorKind::kConfiguration,
                fmt::format("cannot read configuration file '{}': {}", path, std::strerror(errno)));
  }
  if (text.size() > limits::kConfigBytesMax) {
    throw Error(ErrorKind::kConfiguration,
                fmt::format("configuration file '{}' is larger than {} bytes: is it another file?", path,
                            limits::kConfigBytesMax));
  }
  return text;
}

/// Throws Error(kConfiguration) for a place in a YAML file.
[[noreturn]] void refuse_at(const std::string& path, const YAML::Mark& mark, const std::string& reason) {
  throw Error(ErrorKind::kConfiguration, fmt::format("{}:{}:{}: {}", path, mark.line + 1, mark.column + 1, reason));
}

std::vector<YAML::Node> parse_yaml(const std::string& path, const std::string& text) {
  try {
    return YAML::LoadAll(text);
  } catch (const YAML::Exception& error) {
    if (const auto quote = find_open_quote(text); quote && quote->line <= error.mark.line) {
      YAML::Mark mark;
      mark.line = quote->line;
      mark.column = quote->column;
      refuse_at(path, mark, kOpenQuote);
    }
    refuse_at(path, error.mark, error.msg + " (expected lines of the form 'name: value')");
  }
}

/// Throws where a key, its value or an item of it is in quotes that go on over its line.
void check_quotes(const std::string& path, const std::string& text, const YAML::Node& node) {
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) check_quotes(path, text, item);
  } else if (node.IsScalar() && begins_open_quote(text, static_cast<std::size_t>(node.Mark().pos))) {
    refuse_at(path, node.Mark(), kOpenQuote);
  }
}

/// The text of a key's value, or those of a list's items.
std::vector<std::string> node_texts(const std::string& path, const YAML::Node& key_node, const YAML::Node& node,
                                    const OptionRule& rule) {
  if (node.IsScalar()) return {node.Scalar()};
  const std::string& key = key_node.Scalar();
  const YAML::Mark mark = node.IsNull() ? key_node.Mark() : node.Mark();
  if (!node.IsSequence()) refuse_at(path, mark, fmt::format("{}: needs one value, as in '{}: VALUE'", key, key));
  if (!rule.list) refuse_at(path, node.Mark(), fmt::format("{}: takes one value, not a list", key));
  std::vector<std::string> texts;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar())
      refuse_at(path, item.Mark(), fmt::format("{}: an item of the list is not a plain value", key));
    texts.push_back(item.Scalar());
  }
  return texts;
}

/// Throws for the first thing on the command line that is no flag of ours. `hint` is what to say of a flag that is
/// near none.
[[noreturn]] void refuse_extra(const std::vector<std::string>& extras, const std::vector<std::string>& known,
                               const char* hint) {
  for (const std::string& extra : extras) {
    if (extra.size() < 2 || extra[0] != '-') continue;
    const std::string flag = extra.substr(0, extra.find('='));
    std::vector<std::string> flags = known;
    for (std::string& name : flags) name.insert(0, "--");
    const std::string nearest = suggestion(flag.starts_with("--") ? flag : "-" + flag, flags);
    refuse(fmt::format("unknown flag '{}'{}", flag, nearest.empty() ? hint : nearest));
  }
  refuse(fmt::format("unexpected argument '{}': every value needs its flag; --help lists all flags", extras[0]));
}

/// Lays the help out as CLI11 does, with a line of our own for the order of words.
class HelpLayout final : public CLI::Formatter {
 public:
  explicit HelpLayout(std::string usage) : usage_(std::move(usage)) {}
  [[nodiscard]] std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return fmt::format("Usage: {}\n", usage_);
  }
  /// They are in the usage, and among the flags.
  [[nodiscard]] std::string make_positionals(const CLI::App* /*app*/) const override { return {}; }

 private:
  const std::string usage_;
};

void declare_general_flags(CLI::App& command_line) {
  command_line.add_flag("-h,--help")->description("print this and exit")->group(kGeneral);
  command_line.add_flag("--version")->description("print the version and exit")->group(kGeneral);
  command_line.add_option("--config")
      ->description("read options from this file, one 'name: value' a line; flags win over it")
      ->type_name("FILE.yaml")
      ->group(kGeneral)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::Option* declare(CLI::App& command_line, const std::string& heading, const AppOption& option,
                     const std::string& default_text) {
  CLI::Option* declared = nullptr;
  const std::string flag =
      (option.rule.short_name == 0 ? "" : fmt::format("-{},", option.rule.short_name)) + "--" + option.name;
  if (std::holds_alternative<bool*>(option.target)) {
    declared = command_line.add_flag(flag);
  } else {
    const std::string spellings = option.rule.positional ? flag + "," + option.name : flag;
    declared = command_line.add_option(spellings)->type_name(value_name(option))->default_str(default_text);
  }
  declared->description(option.help + (option.rule.required ? " (required)" : ""));
  declared->group(option.rule.hidden ? "" : heading)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return declared;
}

/// What the command line gives for one flag; empty where it doesn't name it.
std::vector<std::string> texts_of(const CLI::App& command_line, const std::string& name, bool list) {
  const CLI::Option* declared = command_line.get_option("--" + name);
  std::vector<std::string> texts = declared->results();
  if (texts.size() > 1 && !list) refuse(fmt::format("--{} is given {} times: give it once", name, texts.size()));
  for (const std::string& text : texts) {
    if (text.starts_with("--")) refuse(fmt::format("--{} needs a value", name));
  }
  return texts;
}

/// Splits the command line into flags and their texts.
void parse(CLI::App& command_line, std::vector<std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (argument.starts_with("--") && argument.ends_with('=') && argument.find('=') == argument.size() - 1) {
      refuse(fmt::format("{} needs a value", argument.substr(0, argument.size() - 1)));
    }
  }
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    command_line.parse(std::move(arguments));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string message = error.what();
    refuse(fmt::format("{} needs a value", message.substr(0, message.find(':'))));
  } catch (const CLI::ParseError& error) {
    refuse(error.what());
  }
}

std::unique_ptr<CLI::App> new_command_line(const std::string& program, const std::string& description) {
  auto command_line = std::make_unique<CLI::App>(description, program);
  command_line->set_help_flag();
  command_line->allow_extras();
  command_line->allow_windows_style_options(false);
  return command_line;
}

}  // namespace

OptionReader::OptionReader(std::string program, std::string description)
    : program_(std::move(program)), description_(std::move(description)) {}

void OptionReader::add(const std::string& heading, AppOption option) {
  const std::string& name = option.name;
  if (find(name) != nullptr || name == "config" || name == "help" || name == "version") {
    throw Error(ErrorKind::kUsage, fmt::format("option '{}' is declared twice: every option needs its own name", name));
  }
  std::string parsed_text = option.rule.default_text;
  const ConfigValue value = value_of(option.target, parsed_text);
  std::string default_text = std::holds_alternative<bool>(value) ? "" : text_of(value);
  entries_.push_back({heading, std::move(option), std::move(default_text), std::move(parsed_text)});
}

OptionReader::Request OptionReader::read(int argc, const char* const* argv) {
  const auto command_line = new_command_line(program_, description_);
  declare_general_flags(*command_line);
  for (const Entry& entry : entries_) declare(*command_line, entry.heading, entry.option, entry.default_text);
  std::vector<std::string> known = names();
  known.insert(known.end(), {"config", "help", "version"});
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (rest_ != nullptr) {
    const auto rest = arguments.begin() + static_cast<std::ptrdiff_t>(own_words(arguments));
    rest_->assign(rest != arguments.end() && *rest == "--" ? rest + 1 : rest, arguments.end());
    arguments.erase(rest, arguments.end());
  }
  parse(*command_line, std::move(arguments));
  const std::vector<std::string> extras = command_line->remaining();
  if (!extras.empty()) {
    refuse_extra(extras, known,
                 rest_ == nullptr ? "; --help lists all flags"
                                  : "; flags of the program go after '--'; --help lists all others");
  }
  if (command_line->count("--help") > 0) return Request::kHelp;
  if (command_line->count("--version") > 0) return Request::kVersion;

  const std::vector<std::string> files = texts_of(*command_line, "config", false);
  if (!files.empty()) read_file(files[0]);
  for (Entry& entry : entries_) {
    const std::string& name = entry.option.name;
    const std::vector<std::string> texts = texts_of(*command_line, name, entry.option.rule.list);
    if (texts.empty()) continue;
    try {
      assign(entry, texts);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("--{}: {}", name, error.what()));
    }
  }
  for (const Entry& entry : entries_) {
    if (entry.option.rule.required && !given(entry.option.name)) {
      refuse(fmt::format("--{} {} is required ({})", entry.option.name, value_name(entry.option), entry.option.help));
    }
  }
  return Request::kRun;
}

std::size_t OptionReader::own_words(const std::vector<std::string>& arguments) const {
  const auto takes_value = [&](const std::string& flag) {
    if (flag == "--config") return true;
    const auto is_it = [&](const Entry& entry) {
      const char short_name = entry.option.rule.short_name;
      return flag == "--" + entry.option.name || (short_name != 0 && flag == fmt::format("-{}", short_name));
    };
    const auto found = std::find_if(entries_.begin(), entries_.end(), is_it);
    return found != entries_.end() && !std::holds_alternative<bool*>(found->option.target);
  };
  const auto positionals =
      std::count_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.option.rule.positional; });
  std::ptrdiff_t plain_words = 0;
  std::size_t word = 0;
  while (word < arguments.size() && arguments[word] != "--") {
    const bool is_flag = arguments[word].size() > 1 && arguments[word][0] == '-';
    if (!is_flag && ++plain_words > positionals) break;
    word += is_flag && takes_value(arguments[word]) ? 2U : 1U;
  }
  return std::min(word, arguments.size());
}

void OptionReader::read_file(const std::string& path) {
  const std::string text = read_text(path);
  const std::vector<YAML::Node> documents = parse_yaml(path, text);
  if (documents.empty() || documents[0].IsNull()) return;
  if (documents.size() > 1) refuse_at(path, documents[1].Mark(), "a second document begins here: keep one");
  if (!documents[0].IsMap()) refuse_at(path, documents[0].Mark(), "expected lines of the form 'name: value'");
  std::set<std::string> seen;
  for (const auto& item : documents[0]) {
    const YAML::Mark mark = item.first.Mark();
    if (!item.first.IsScalar()) refuse_at(path, mark, "a key is not a plain word");
    check_quotes(path, text, item.first);
    const std::string& key = item.first.Scalar();
    Entry* entry = find(key);
    if (entry == nullptr) {
      const std::string nearest = suggestion(key, names());
      refuse_at(path, mark, fmt::format("unknown key '{}'{}", key, nearest.empty() ? "; --help lists all" : nearest));
    }
    if (!seen.insert(key).second) refuse_at(path, mark, fmt::format("key '{}' is given twice: keep one", key));
    check_quotes(path, text, item.second);
    const std::vector<std::string> texts = node_texts(path, item.first, item.second, entry->option.rule);
    try {
      assign(*entry, texts);
    } catch (const Error& error) {
      refuse_at(path, item.second.Mark(), fmt::format("{}: {}", key, error.what()));
    }
  }
}

void OptionReader::assign(Entry& entry, const std::vector<std::string>& texts) {
  const OptionRule& rule = entry.option.rule;
  const std::string text = joined(texts);
  std::visit(
      [&](const auto& target) {
        using T = std::decay_t<decltype(target)>;
        if constexpr (std::is_same_v<T, bool*>) {
          *target = parse_bool(text);
        } else if constexpr (std::is_same_v<T, std::string*>) {
          check_choice(text, rule);
          *target = text;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>*>) {
          *target = texts;
        } else if constexpr (std::is_same_v<T, OptionParser>) {
          check_choice(text, rule);
          target(text);
          entry.parsed_text = text;
        } else {
          *target = parse_number<std::remove_pointer_t<T>>(text, rule);
        }
      },
      entry.option.target);
  given_.insert(entry.option.name);
}

std::string OptionReader::help() const {
  const auto command_line = new_command_line(program_, description_);
  for (const Entry& entry : entries_) declare(*command_line, entry.heading, entry.option, entry.default_text);
  declare_general_flags(*command_line);
  command_line->footer(footer_);
  command_line->formatter(std::make_shared<HelpLayout>(usage_.empty() ? default_usage() : usage_));
  std::string text = command_line->help();
  for (std::size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
  return text;
}

std::string OptionReader::default_usage() const {
  std::string usage = program_;
  for (const Entry& entry : entries_) {
    if (!entry.option.rule.positional) continue;
    const std::string name = value_name(entry.option);
    usage += entry.option.rule.required ? " " + name : " [" + name + "]";
  }
  return usage + " [FLAGS]";
}

std::vector<std::pair<std::string, ConfigValue>> OptionReader::values() const {
  std::vector<std::pair<std::string, ConfigValue>> values;
  for (const Entry& entry : entries_) {
    values.emplace_back(entry.option.name, value_of(entry.option.target, entry.parsed_text));
  }
  return values;
}

OptionReader::Entry* OptionReader::find(std::string_view name) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.option.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<std::string> OptionReader::names() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) names.push_back(entry.option.name);
  return names;
}

}  // namespace bosen
