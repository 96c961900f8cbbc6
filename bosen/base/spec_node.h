#pragma once

// YAML values that know where they stand, and a reader of their fields that leaves none unread. yaml-cpp stays behind
// this header.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bosen {

/// One value of a YAML file: a text, a list or a map. Immutable and cheap to copy.
class SpecNode {
 public:
  enum class Kind { kEmpty, kText, kList, kMap };

  SpecNode() = default;
  /// Throws Error(kConfiguration): unreadable file, malformed YAML, a quote that its line does not close.
  static SpecNode read_file(const std::string& path);
  static SpecNode parse(const std::string& text, const std::string& file);

  [[nodiscard]] Kind kind() const;
  /// "lenet.yaml:12:5".
  [[nodiscard]] std::string place() const;
  [[nodiscard]] const std::string& text() const;
  /// Of a list; any other value is a list of itself, as in prototxt, where a repeated field may stand once. Empty:
  /// none.
  [[nodiscard]] std::vector<SpecNode> items() const;
  /// Of a map, in the order of the file. Throws Error(kConfiguration) where it has a key twice.
  [[nodiscard]] const std::vector<std::pair<std::string, SpecNode>>& fields() const;
  /// nullptr where the map has no such key. Throws Error(kConfiguration) where it has it twice.
  [[nodiscard]] const SpecNode* find(std::string_view key) const;
  /// Where the map has the key again; empty where it has it once, or not at all.
  [[nodiscard]] std::string second_place(std::string_view key) const;

  /// This map, or an empty value as one, with a key set; every value keeps the place where it was written.
  [[nodiscard]] SpecNode with(const std::string& key, const SpecNode& value) const;

  /// Throws Error(kConfiguration): "PLACE: MESSAGE".
  [[noreturn]] void fail(const std::string& message) const;
  /// The same with the place of the key that it is the value of.
  [[noreturn]] void fail_at_key(const std::string& message) const;

  struct Data;

 private:
  std::shared_ptr<const Data> data_;
};

/// Smallest and largest value allowed.
struct SpecRange {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
};

/// Reads the fields of one map. Every getter throws Error(kConfiguration) with file:line:column, the key and
/// what it must be; the destructor checks nothing: call `finish`.
class SpecFields {
 public:
  /// `what` names the map in errors ("convolution_param"). `node` is a map or empty; anything else is an error.
  SpecFields(const SpecNode& node, std::string what);

  [[nodiscard]] bool has(std::string_view key) const;
  /// Without a default the key is required.
  std::int64_t integer(std::string_view key, std::optional<std::int64_t> otherwise, SpecRange range = {});
  double number(std::string_view key, std::optional<double> otherwise, SpecRange range = {});
  bool boolean(std::string_view key, std::optional<bool> otherwise);
  std::string text(std::string_view key, std::optional<std::string> otherwise);
  /// Index into `choices`; letter case does not matter, as in prototxt enums.
  std::size_t choice(std::string_view key, const std::vector<std::string>& choices,
                     std::optional<std::size_t> otherwise);
  /// A repeated field: a list, or one value.
  std::vector<std::int64_t> integers(std::string_view key, SpecRange range = {});
  std::vector<double> numbers(std::string_view key, SpecRange range = {});
  std::vector<std::string> texts(std::string_view key);
  /// A nested value; where the key is absent an empty one, which stands where the map does.
  SpecNode child(std::string_view key);
  /// The same of a repeated field: a list of values, or one.
  SpecNode children(std::string_view key);

  /// Throws where a key has not been asked for, naming the nearest one that has.
  void finish() const;
  /// Throws an error about a key's value (about the map where the key is absent).
  [[noreturn]] void fail(std::string_view key, const std::string& message) const;

 private:
  [[nodiscard]] std::string name_of(std::string_view key) const;
  const SpecNode* look_up(std::string_view key, bool required);
  const SpecNode* look_up_repeated(std::string_view key);
  [[noreturn]] void refuse_missing(std::string_view key) const;

  SpecNode node_;
  std::string what_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace bosen
