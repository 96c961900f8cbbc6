#pragma once

// Flags and configuration files: every option is a flag `--name VALUE` on the command line and a key `name: VALUE` of
// the YAML file that --config names. The command line wins. CLI11 and yaml-cpp do the work and stay behind this header.

#include <cstdint>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bosen {

/// Reads the text of a value itself. Throws Error(kUsage) with the reason alone ("must be ..."): the place is added.
using OptionParser = std::function<void(const std::string& text)>;

/// Where the value of an option goes. It has to live as long as the option can be read. A vector gets a text for each
/// time that the option is given.
using OptionTarget = std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*,
                                  std::vector<std::string>*, OptionParser>;

/// What an option accepts.
struct OptionRule {
  double minimum = -std::numeric_limits<double>::infinity();  ///< of a number
  double maximum = std::numeric_limits<double>::infinity();   ///< of a number
  std::vector<std::string> choices = {};                      ///< of a text; empty: any
  std::string value_name = {};                                ///< in the help, as FILE; empty: chosen by type
  std::string default_text = {};                              ///< of an option with a parser of its own
  bool required = false;
  bool positional = false;  ///< the flag's name may be left out before its value
  bool list = false;        ///< may be given several times, or as a list in a file; the texts are joined by commas
  char short_name = 0;      ///< n: -n means the same
  bool hidden = false;      ///< from the help
};

/// One option of a program. Its default is the value that the target holds before it is read.
struct AppOption {
  std::string name;  ///< in lower case with dashes
  OptionTarget target;
  std::string help;
  OptionRule rule = {};
};

/// A value as metrics files record it.
using ConfigValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

/// Reads a program's options. Single-threaded; made, used and dropped at the start of a program.
///
/// Every wrong flag, key or value throws Error: of kind kUsage for the command line, of kind kConfiguration and with
/// file:line:column for the file. Unknown names come with the nearest known one.
class OptionReader {
 public:
  enum class Request { kRun, kHelp, kVersion };

  OptionReader(std::string program, std::string description);

  /// Adds an option under a heading of the help. Throws Error(kUsage) where the name is taken.
  void add(const std::string& heading, AppOption option);

  /// The command line may go on with other words, after "--" or from the first that is no flag: they go there.
  void take_rest(std::vector<std::string>& words) { rest_ = &words; }

  /// What the help says of the order of words, where more is to be said than "PROGRAM FILE [FLAGS]".
  void set_usage(std::string usage) { usage_ = std::move(usage); }
  /// What stands at its end.
  void set_footer(std::string footer) { footer_ = std::move(footer); }

  /// Reads the command line (argv[0] is skipped) and the file that --config names into the targets.
  Request read(int argc, const char* const* argv);

  [[nodiscard]] const std::string& program() const { return program_; }

  /// Whether the option was given on the command line or in the file.
  [[nodiscard]] bool given(const std::string& name) const { return given_.contains(name); }

  /// What --help prints.
  [[nodiscard]] std::string help() const;

  /// Every option with its value, for metrics files. Options with a parser of their own show
  /// the text they were given, or the whole number that it is.
  [[nodiscard]] std::vector<std::pair<std::string, ConfigValue>> values() const;

 private:
  struct Entry {
    std::string heading;
    AppOption option;
    std::string default_text;  ///< as the help shows it
    std::string parsed_text;   ///< what a parser was given last, or its default
  };

  [[nodiscard]] std::string default_usage() const;
  Entry* find(std::string_view name);
  [[nodiscard]] std::vector<std::string> names() const;
  /// How many words of the command line are flags and their values: up to "--" or the first that is none.
  [[nodiscard]] std::size_t own_words(const std::vector<std::string>& arguments) const;
  void read_file(const std::string& path);
  void assign(Entry& entry, const std::vector<std::string>& texts);

  std::string program_;
  std::string description_;
  std::string usage_;
  std::string footer_;
  std::vector<std::string>* rest_ = nullptr;
  std::vector<Entry> entries_;
  std::set<std::string> given_;
};

}  // namespace bosen
