#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/common/input_file.h"
#include "apps/common/libsvm.h"
#include "apps/common/number.h"
#include "apps/mlr/data_set.h"

namespace mlr {
namespace {

constexpr std::uint32_t kColumnsMax = std::uint32_t{1} << 24;
constexpr int kClassesMax = 65'536;
// Of a feature: squares of gradients, and sums of them, are to be floats.
constexpr float kValueMax = 1e15F;

/// Which labels a file may use: its label + shift is the class, but for -1 and +1.
struct LabelRule {
  bool signs = false;  ///< -1 and +1
  int shift = 0;       ///< -1 for labels 1..K
};

/// A file as it stands, its labels not yet decided upon.
struct RawFile {
  Examples examples;
  std::vector<std::size_t> lines;  ///< where each example stands
};

std::int32_t parse_label(const apps::LineReader& line, std::string_view text) {
  double label = 0;
  if (!apps::parse_number(text, label) || label != std::floor(label) || std::abs(label) > kClassesMax) {
    line.refuse(fmt::format("label '{}' is not a whole number from -{} to {}: a line is LABEL INDEX:VALUE ...",
                            apps::shown(text), kClassesMax, kClassesMax));
  }
  return static_cast<std::int32_t>(label);
}

/// Reads the lines. Columns from `columns` on are left out.
RawFile read_lines(const std::string& path, std::uint32_t columns) {
  const std::string text = apps::read_text(path);
  RawFile raw;
  apps::LibsvmReader reader(path, text, kColumnsMax);
  while (reader.next()) {
    const std::int32_t label = parse_label(reader.line(), reader.label());
    while (const auto feature = reader.feature()) {
      if (feature->value == 0 || feature->column >= columns) continue;
      if (std::abs(feature->value) > kValueMax) {
        reader.line().refuse(
            fmt::format("the value {} is too large to compute with: scale the data, so that values are "
                        "nearer to 1",
                        feature->value));
      }
      raw.examples.nonzeros.push_back({.column = feature->column, .value = feature->value});
      raw.examples.features = std::max(raw.examples.features, std::int64_t{feature->column} + 1);
    }
    raw.examples.close_example(label);
    raw.lines.push_back(reader.line().line_number());
  }
  if (raw.examples.size() == 0) apps::refuse_file(path, "is empty: a line is LABEL INDEX:VALUE INDEX:VALUE ...");
  return raw;
}

/// How to read the labels that occur.
LabelRule rule_of(const RawFile& raw) {
  const auto has = [&](std::int32_t label) {
    return std::find(raw.examples.labels.begin(), raw.examples.labels.end(), label) != raw.examples.labels.end();
  };
  if (has(-1)) return {.signs = true};
  return {.signs = false, .shift = has(0) ? 0 : -1};
}

/// How many classes the labels that occur make. A gap between them is taken for a mistake.
int count_classes(const std::string& path, const RawFile& raw, const LabelRule& rule) {
  if (rule.signs) return 2;
  const std::vector<std::int32_t>& all = raw.examples.labels;
  const std::set<std::int32_t> labels(all.begin(), all.end());
  const auto largest = static_cast<std::size_t>(std::max_element(all.begin(), all.end()) - all.begin());
  const int classes = all[largest] + 1 + rule.shift;
  if (labels.size() != static_cast<std::size_t>(std::max(classes, 0))) {
    apps::refuse_line(
        path, raw.lines[largest], 1,
        fmt::format("label {} is out of range: the file has {} different labels, which are 0 to K-1, 1 to K, "
                    "or -1 and +1; number them without gaps, or give --classes",
                    all[largest], labels.size()));
  }
  if (classes < 2) apps::refuse_file(path, "has one label only: there is nothing to tell apart");
  return classes;
}

/// The class of a label, or -1 where it has none.
std::int32_t class_of(std::int32_t label, const LabelRule& rule, int classes) {
  if (rule.signs) return label == -1 ? 0 : label == 1 ? 1 : -1;
  const std::int32_t shifted = label + rule.shift;
  return shifted >= 0 && shifted < classes ? shifted : -1;
}

std::string range_text(const LabelRule& rule, int classes) {
  if (rule.signs) return "-1 and +1";
  return fmt::format("{} to {}", -rule.shift, classes - 1 - rule.shift);
}

/// The examples with classes for labels. Throws for the first label without one, with `advice`.
Examples decide_labels(const std::string& path, RawFile raw, const LabelRule& rule, int classes,
                       const std::string& advice) {
  for (std::size_t i = 0; i < raw.examples.size(); ++i) {
    const std::int32_t label = raw.examples.labels[i];
    raw.examples.labels[i] = class_of(label, rule, classes);
    if (raw.examples.labels[i] >= 0) continue;
    apps::refuse_line(
        path, raw.lines[i], 1,
        fmt::format("label {} is out of range: labels are {}; {}", label, range_text(rule, classes), advice));
  }
  raw.examples.classes = classes;
  return std::move(raw.examples);
}

}  // namespace

DataSet read_libsvm(const std::string& path, const std::string& test_path, int classes) {
  RawFile train = read_lines(path, kColumnsMax);
  if (train.examples.features == 0)
    apps::refuse_file(path, "has no features: a line is LABEL INDEX:VALUE INDEX:VALUE ...");
  const LabelRule rule = rule_of(train);
  const int count = classes != 0 ? classes : count_classes(path, train, rule);
  DataSet data;
  data.train = decide_labels(path, std::move(train), rule, count, "mend the line, or give --classes");
  if (test_path.empty()) return data;
  RawFile test = read_lines(test_path, static_cast<std::uint32_t>(data.train.features));
  data.test = decide_labels(test_path, std::move(test), rule, count, fmt::format("as in {}", path));
  data.test.features = data.train.features;
  return data;
}

}  // namespace mlr
