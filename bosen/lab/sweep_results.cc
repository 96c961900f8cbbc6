#include "bosen/lab/sweep_results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

#include "bosen/base/error.h"
#include "bosen/base/json.h"

namespace bosen::lab {
namespace {

using Json = nlohmann::ordered_json;

/// Student's t for 95%, both sides, by degrees of freedom from 1.
constexpr double kStudent[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                               2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086};

double student(std::size_t freedom) {
  if (freedom <= std::size(kStudent)) return kStudent[freedom - 1];
  // Cornish and Fisher's expansion around the normal quantile: Abramowitz and Stegun, 26.7.5. Good to 1e-5 here.
  constexpr double kNormal = 1.959964;
  constexpr double kTerms[] = {2.372271, 2.822499, 2.555850, 1.589534};
  double power = 1;
  double value = kNormal;
  for (const double term : kTerms) value += term / (power *= static_cast<double>(freedom));
  return value;
}

double number(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_number() ? found->get<double>() : 0;
}

Evaluation read_evaluation(const Json& event) {
  Evaluation evaluation;
  for (const auto& [key, value] : event.items()) {
    if (key == "clock") {
      evaluation.clock = value.get<std::int64_t>();
    } else if (key == "time_s") {
      evaluation.time_s = value.get<double>();
    } else if (key != "event") {
      evaluation.measures.emplace_back(key, value.is_number() ? value.get<double>() : std::nan(""));
    }
  }
  return evaluation;
}

void read_end(const Json& event, RunResult& result) {
  result.wall_s = number(event, "wall_s");
  result.compute_s = number(event, "compute_s");
  result.wait_s = number(event, "wait_s");
  result.bytes_sent = number(event, "bytes_sent");
  result.clocks = static_cast<std::int64_t>(number(event, "clocks"));
  if (!event.contains("staleness_histogram")) return;
  for (const auto& [differential, count] : event["staleness_histogram"].items()) {
    result.staleness[std::stoll(differential)] = count.get<std::int64_t>();
  }
}

/// What a diverged run measured before it ended; it may have ended anywhere.
std::vector<Evaluation> read_evaluations_until_end(const std::string& path) {
  std::vector<Evaluation> evaluations;
  std::ifstream file(path);
  try {
    for (std::string line; std::getline(file, line);) {
      const Json event = parse_ordered_json(line);
      if (event.value("event", "") == "eval") evaluations.push_back(read_evaluation(event));
    }
  } catch (const Json::exception&) {
    return evaluations;
  }
  return evaluations;
}

/// Returns nothing where the run's end is missing, without which its times are not known. Throws what json and stoll
/// throw where the file is damaged.
std::optional<RunResult> read_events(std::istream& file, const std::optional<Target>& target) {
  RunResult result;
  bool ended = false;
  for (std::string line; std::getline(file, line);) {
    const Json event = parse_ordered_json(line);
    const std::string kind = event.value("event", "");
    if (kind == "end") {
      read_end(event, result);
      ended = true;
    }
    if (kind != "eval") continue;
    result.evaluations.push_back(read_evaluation(event));
    if (!target || result.target_s) continue;
    for (const auto& [measure, value] : result.evaluations.back().measures) {
      if (measure != target->measure || !target->reached(value)) continue;
      result.target_s = result.evaluations.back().time_s;
      result.target_clock = result.evaluations.back().clock;
    }
  }
  if (!ended) return {};
  return result;
}

[[noreturn]] void refuse_metrics(const std::string& path) {
  throw Error(ErrorKind::kData,
              fmt::format("'{}' is damaged or incomplete: remove its folder and call the sweep again", path));
}

RunResult read_result(const std::string& path, const std::optional<Target>& target) {
  std::ifstream file(path);
  std::optional<RunResult> result;
  try {
    result = read_events(file, target);
  } catch (const Json::exception&) {
    refuse_metrics(path);
  } catch (const std::logic_error&) {  // of stoll
    refuse_metrics(path);
  }
  if (!result) refuse_metrics(path);
  return *std::move(result);
}

std::optional<double> last_of(const RunResult& result, const std::string& measure) {
  if (result.evaluations.empty()) return {};
  for (const auto& [name, value] : result.evaluations.back().measures) {
    if (name == measure && std::isfinite(value)) return value;
  }
  return {};
}

std::optional<Estimate> estimate_any(const std::vector<double>& values) {
  if (values.empty()) return {};
  return estimate(values);
}

std::string shown(const Estimate& estimate) {
  if (estimate.half_width == 0) return fmt::format("{:.4g} s", estimate.mean);
  return fmt::format("{:.4g} s +- {:.2g}", estimate.mean, estimate.half_width);
}

/// How many times as long, seed by seed: what differs between seeds alone cancels out.
Estimate ratio(const SettingResult& setting, const SettingResult& best) {
  std::vector<double> ratios;
  for (std::size_t seed = 0; seed < best.costs.size(); ++seed) ratios.push_back(setting.costs[seed] / best.costs[seed]);
  return estimate(ratios);
}

std::string times_text(const Estimate& estimate) {
  if (estimate.half_width == 0) return fmt::format("{:.2f}", estimate.mean);
  return fmt::format("{:.2f} +- {:.2g}", estimate.mean, estimate.half_width);
}

Json to_json(const std::optional<Estimate>& estimate) {
  if (!estimate || !std::isfinite(estimate->mean)) return nullptr;
  return {{"mean", estimate->mean}, {"half_width", estimate->half_width}};
}

Json labels_json(const std::vector<std::pair<std::string, std::string>>& labels) {
  Json json = Json::object();
  for (const auto& [axis, label] : labels) json[axis] = label;
  return json;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

/// Why a setting does not count: "diverged in 2 of 5 runs".
std::string why_not(const SettingResult& setting) {
  const auto counted = [&](const char* what, int count) {
    return count < setting.runs ? fmt::format("{} in {} of {} runs", what, count, setting.runs) : std::string(what);
  };
  if (setting.diverged > 0) return counted("diverged", setting.diverged);
  if (setting.failed > 0) return counted("failed", setting.failed);
  return counted("did not get there", setting.runs - setting.reached);
}

const char* name_of(RunStatus status) {
  switch (status) {
    case RunStatus::kDone:
      return "done";
    case RunStatus::kDiverged:
      return "diverged";
    case RunStatus::kFailed:
      return "failed";
    case RunStatus::kPending:
      break;
  }
  return "pending";
}

}  // namespace

Estimate estimate(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (values.size() < 2) return {.mean = mean, .half_width = 0};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const std::size_t freedom = values.size() - 1;
  return {.mean = mean, .half_width = student(freedom) * std::sqrt(squares / (count - 1) / count)};
}

SweepResults::SweepResults(const SweepSpec& spec, const SweepRunner& runner)
    : spec_(spec), runs_(runner.runs()), outcomes_(runner.outcomes()) {
  if (spec.target) measure_ = spec.target->measure;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    results_.emplace_back();
    const std::string metrics = runs_[i].folder + "/metrics.jsonl";
    if (outcomes_[i].status == RunStatus::kDiverged) results_.back().evaluations = read_evaluations_until_end(metrics);
    if (outcomes_[i].status != RunStatus::kDone) continue;
    try {
      results_.back() = read_result(metrics, spec.target);
    } catch (const Error& error) {
      // The other runs' results are good.
      outcomes_[i] = {.status = RunStatus::kFailed, .last_line = error.what()};
      damaged_.emplace_back(error.what());
      continue;
    }
    const std::vector<Evaluation>& evaluations = results_.back().evaluations;
    if (measure_.empty() && !evaluations.empty() && !evaluations.back().measures.empty()) {
      measure_ = evaluations.back().measures.front().first;
    }
  }
  summarise();
}

void SweepResults::summarise() {
  const std::size_t seeds = spec_.seeds.size();
  for (std::size_t first = 0; first < runs_.size(); first += seeds) {
    SettingResult setting;
    setting.labels = runs_[first].labels;
    std::vector<double> waiting;
    std::vector<double> megabytes;
    std::vector<double> last;
    for (std::size_t i = first; i < first + seeds; ++i) {
      const RunResult& result = results_[i];
      ++setting.runs;
      setting.diverged += outcomes_[i].status == RunStatus::kDiverged ? 1 : 0;
      setting.failed += outcomes_[i].status == RunStatus::kFailed ? 1 : 0;
      if (outcomes_[i].status != RunStatus::kDone) continue;
      setting.reached += result.target_s ? 1 : 0;
      if (!spec_.target || result.target_s) setting.costs.push_back(result.target_s.value_or(result.wall_s));
      const double busy = result.compute_s + result.wait_s;
      waiting.push_back(busy > 0 ? result.wait_s / busy : 0);
      megabytes.push_back(result.bytes_sent / 1e6);
      if (const auto value = last_of(result, measure_)) last.push_back(*value);
    }
    setting.cost = estimate_any(setting.costs);
    setting.waiting = estimate_any(waiting);
    setting.megabytes = estimate_any(megabytes);
    setting.last = estimate_any(last);
    settings_.push_back(std::move(setting));
  }
}

std::vector<std::string> SweepResults::conclusions() const {
  std::vector<std::pair<std::string, std::vector<const SettingResult*>>> groups;
  for (const SettingResult& setting : settings_) {
    std::string key;
    for (std::size_t axis = 1; axis < setting.labels.size(); ++axis) {
      key += fmt::format("{}{} {}", axis > 1 ? ", " : "", setting.labels[axis].first, setting.labels[axis].second);
    }
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == key; });
    (found == groups.end() ? groups.emplace_back(key, std::vector<const SettingResult*>{}) : *found)
        .second.push_back(&setting);
  }
  std::vector<std::string> texts;
  for (const auto& [key, group] : groups) {
    texts.push_back(key.empty() ? conclude(group) : fmt::format("With {}: {}", key, conclude(group)));
  }
  return texts;
}

// A setting counts where every seed got there; the best of them is compared with the next and with the worst.
std::string SweepResults::conclude(const std::vector<const SettingResult*>& group) const {
  const std::string& axis = spec_.axes.front().name;
  const std::string goal = spec_.target
                               ? fmt::format("to reach {} {} {:g}", spec_.target->measure,
                                             spec_.target->at_least ? "of at least" : "of at most", spec_.target->value)
                               : "for the whole run";
  std::vector<const SettingResult*> good;
  std::string bad;
  for (const SettingResult* setting : group) {
    const bool counts = setting->cost && (spec_.target ? setting->reached : setting->runs) == setting->runs &&
                        setting->diverged + setting->failed == 0;
    if (counts) {
      good.push_back(setting);
    } else {
      bad += fmt::format(" {} {} {}.", axis, setting->labels.front().second, why_not(*setting));
    }
  }
  if (good.empty()) return fmt::format("no {} was good enough {}.{}", axis, goal, bad);
  const auto faster = [](const SettingResult* a, const SettingResult* b) { return a->cost->mean < b->cost->mean; };
  std::sort(good.begin(), good.end(), faster);
  const SettingResult& best = *good.front();
  const auto label = [](const SettingResult& setting) { return setting.labels.front().second; };
  std::string text = fmt::format("{} {} was fastest {}: {}", axis, label(best), goal, shown(*best.cost));
  if (good.size() > 1 && best.cost->mean > 0) {  // else nothing is so many times as long
    const SettingResult& next = *good[1];
    const SettingResult& worst = *good.back();
    text += fmt::format("; {} {} took {} times as long", axis, label(worst), times_text(ratio(worst, best)));
    if (good.size() > 2)
      text += fmt::format(", the next best, {}, {} times", label(next), times_text(ratio(next, best)));
    std::string alike;
    for (std::size_t i = 1; i < good.size() && spec_.seeds.size() > 1; ++i) {
      const Estimate times = ratio(*good[i], best);
      if (times.mean - times.half_width <= 1) alike += (alike.empty() ? "" : ", ") + label(*good[i]);
    }
    if (!alike.empty()) text += fmt::format(" (these seeds don't tell {} from {})", label(best), alike);
  }
  return text + "." + bad;
}

std::vector<std::string> SweepResults::measures() const {
  std::vector<std::string> measures;
  for (const RunResult& result : results_) {
    for (const Evaluation& evaluation : result.evaluations) {
      for (const auto& [name, value] : evaluation.measures) {
        if (std::find(measures.begin(), measures.end(), name) == measures.end()) measures.push_back(name);
      }
    }
  }
  return measures;
}

std::string SweepResults::missing_measure() const {
  if (!spec_.target) return {};
  const std::vector<std::string> known = measures();
  if (known.empty() || std::find(known.begin(), known.end(), measure_) != known.end()) return {};
  return fmt::format("no run reports '{}', which the target names; they report {}", measure_, fmt::join(known, ", "));
}

std::string SweepResults::csv() const {
  const std::vector<std::string> measures = this->measures();
  std::string text = "run";
  for (const Axis& axis : spec_.axes) text += "," + csv_field(axis.name);
  text += ",seed,status,clock,time_s";
  for (const std::string& measure : measures) text += "," + csv_field(measure);
  text += "\n";
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    std::string head = std::to_string(runs_[i].number);
    for (const auto& [axis, label] : runs_[i].labels) head += "," + csv_field(label);
    head += fmt::format(",{},{}", runs_[i].seed, name_of(outcomes_[i].status));
    for (const Evaluation& evaluation : results_[i].evaluations) {
      text += fmt::format("{},{},{}", head, evaluation.clock, evaluation.time_s);
      for (const std::string& measure : measures) {
        const auto same = [&](const auto& item) { return item.first == measure; };
        const auto found = std::find_if(evaluation.measures.begin(), evaluation.measures.end(), same);
        text += found == evaluation.measures.end() ? "," : fmt::format(",{}", found->second);
      }
      text += "\n";
    }
  }
  return text;
}

std::string SweepResults::json() const {
  Json json;
  json["name"] = spec_.name;
  json["program"] = spec_.program.text();
  json["simulated"] = spec_.cluster.has_value();
  json["measure"] = measure_;
  json["target"] = nullptr;
  if (spec_.target) json["target"] = {{"value", spec_.target->value}, {"at_least", spec_.target->at_least}};
  json["axes"] = Json::array();
  for (const Axis& axis : spec_.axes) json["axes"].push_back(axis.name);
  json["conclusions"] = conclusions();
  json["settings"] = Json::array();
  for (const SettingResult& setting : settings_) {
    json["settings"].push_back({{"labels", labels_json(setting.labels)},
                                {"runs", setting.runs},
                                {"diverged", setting.diverged},
                                {"failed", setting.failed},
                                {"reached", setting.reached},
                                {"seconds", to_json(setting.cost)},
                                {"waiting", to_json(setting.waiting)},
                                {"megabytes", to_json(setting.megabytes)},
                                {"last", to_json(setting.last)}});
  }
  json["runs"] = Json::array();
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const RunResult& result = results_[i];
    Json histogram = Json::object();
    for (const auto& [differential, count] : result.staleness) histogram[std::to_string(differential)] = count;
    json["runs"].push_back({{"run", runs_[i].number},
                            {"labels", labels_json(runs_[i].labels)},
                            {"seed", runs_[i].seed},
                            {"status", name_of(outcomes_[i].status)},
                            {"why", outcomes_[i].last_line},
                            {"wall_s", result.wall_s},
                            {"compute_s", result.compute_s},
                            {"wait_s", result.wait_s},
                            {"bytes_sent", result.bytes_sent},
                            {"clocks", result.clocks},
                            {"target_s", result.target_s ? Json(*result.target_s) : Json(nullptr)},
                            {"target_clock", result.target_clock ? Json(*result.target_clock) : Json(nullptr)},
                            {"staleness_histogram", histogram}});
  }
  // A program's last words may be anything.
  return dump_json(json, 1) + "\n";
}

}  // namespace bosen::lab
