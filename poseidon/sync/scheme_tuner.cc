#include "poseidon/sync/scheme_tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <span>
#include <utility>

#include "bosen/error.h"
#include "poseidon/sync/bandwidth_probe.h"

namespace poseidon {
namespace {

using Activity = Timeline::Activity;

constexpr std::int64_t kWarmUp = 2;  ///< iterations at first, in which devices still choose algorithms
constexpr std::int64_t kWarmUpAgain = 1;
constexpr std::int64_t kMeasured = 5;

/// Less may be an error of measuring, and is not worth numbers that differ by rounding.
constexpr double kWorthIt = 0.03;
/// How much faster than measured the network may be for a scheme that is worth a trial: tables and channels do not take
/// the same way through a host.
constexpr double kBandwidthDoubt = 3;

// Messages of the tuning channel, beside the bandwidth's.
constexpr std::int64_t kMeasuresTag = 1'000'001;
constexpr std::int64_t kSchemesTag = 1'000'002;

/// Of no layer: a whole iteration.
constexpr int kWhole = -1;

std::vector<Scheme> first_schemes(const SyncPlan& plan) {
  std::vector<Scheme> schemes;
  for (const PlannedLayer& planned : plan.layers()) schemes.push_back(planned.scheme);
  return schemes;
}

bool is_by_scheme(Activity activity) {
  return activity == Activity::kBackward || activity == Activity::kSend || activity == Activity::kCombine;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

template <class T>
std::vector<T> values_of(const std::vector<std::byte>& bytes, std::size_t count) {
  if (bytes.size() != count * sizeof(T)) {
    throw bosen::Error(
        bosen::ErrorKind::kConfiguration,
        "workers measure different layers: start every process with the same solver and net and on the same kind of "
        "device, or name a --scheme");
  }
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

SchemeTuner::SchemeTuner(const SyncPlan& plan, Options options)
    : plan_(plan),
      options_(std::move(options)),
      first_(first_schemes(plan)),
      schemes_(first_),
      index_(static_cast<std::size_t>(options_.layers), -1) {
  for (std::size_t i = 0; i < options_.numbers.size(); ++i) {
    index_.at(static_cast<std::size_t>(options_.numbers[i])) = static_cast<int>(i);
  }
}

std::int64_t SchemeTuner::measured_from() const { return begin_ + (stage_ == Stage::kFirst ? kWarmUp : kWarmUpAgain); }

void SchemeTuner::add(const Timeline::Event& event) {
  if (event.layer < 0 || event.iteration < measured_from()) return;
  // A host that only asks a device for it says nothing of how long it takes; sending is the host's own.
  const bool is_host = event.track == Timeline::Track::kHost;
  if (event.activity != Activity::kSend && is_host == options_.model.sends_beside) return;
  const int index = index_[static_cast<std::size_t>(event.layer)];
  const bool by_scheme = is_by_scheme(event.activity) && index >= 0;
  const Scheme scheme = by_scheme ? schemes_[static_cast<std::size_t>(index)] : Scheme::kNone;
  samples_[{event.activity, event.layer, scheme}].push_back(static_cast<double>(event.end_ns - event.begin_ns) * 1e-9);
}

void SchemeTuner::end_iteration(std::int64_t iteration, std::int64_t now_ns) {
  if (iteration >= measured_from()) {
    samples_[{Activity::kForward, kWhole, Scheme::kNone}].push_back(static_cast<double>(now_ns - ended_ns_) * 1e-9);
  }
  ended_ns_ = now_ns;
  iteration_ = iteration + 1;
}

bool SchemeTuner::is_due() const { return !is_settled() && iteration_ >= measured_from() + kMeasured; }

std::vector<SchemeTuner::Key> SchemeTuner::keys() const {
  std::vector<Key> keys{{Activity::kForward, kWhole, Scheme::kNone}};
  for (int layer = 0; layer < options_.layers; ++layer) {
    const bool learns = index_[static_cast<std::size_t>(layer)] >= 0;
    for (const Activity activity :
         {Activity::kForward, Activity::kBackward, Activity::kSend, Activity::kCombine, Activity::kUpdate}) {
      if (learns && is_by_scheme(activity)) {
        for (const Scheme scheme : {Scheme::kPs, Scheme::kSfb}) keys.emplace_back(activity, layer, scheme);
      } else {
        keys.emplace_back(activity, layer, Scheme::kNone);
      }
    }
  }
  return keys;
}

SchemeTuner::Measures SchemeTuner::gather(bosen::Worker& worker) const {
  const std::vector<Key> all = keys();
  std::vector<double> sums;
  for (const Key& key : all) {
    const auto found = samples_.find(key);
    sums.push_back(found == samples_.end() ? 0 : median(found->second));
  }
  Measures mean;
  if (worker.id() != 0) {
    plan_.tuning().send(worker, 0, kMeasuresTag, bytes_of(sums));
    return mean;
  }
  for (bosen::WorkerId from = 1; from < worker.count(); ++from) {
    const auto other = values_of<double>(plan_.tuning().receive(worker, kMeasuresTag, from).bytes, sums.size());
    std::transform(sums.begin(), sums.end(), other.begin(), sums.begin(), std::plus<>());
  }
  for (std::size_t i = 0; i < all.size(); ++i) mean[all[i]] = sums[i] / worker.count();
  return mean;
}

// The stage goes with the schemes.
void SchemeTuner::broadcast(bosen::Worker& worker) {
  std::vector<int> numbers{static_cast<int>(stage_)};
  for (const Scheme scheme : schemes_) numbers.push_back(static_cast<int>(scheme));
  if (worker.id() == 0) {
    for (bosen::WorkerId to = 1; to < worker.count(); ++to) {
      plan_.tuning().send(worker, to, kSchemesTag, bytes_of(numbers));
    }
    return;
  }
  numbers = values_of<int>(plan_.tuning().receive(worker, kSchemesTag, 0).bytes, numbers.size());
  stage_ = static_cast<Stage>(numbers[0]);
  for (std::size_t i = 0; i < schemes_.size(); ++i) schemes_[i] = static_cast<Scheme>(numbers[i + 1]);
}

std::vector<Scheme> SchemeTuner::decide(bosen::Worker& worker) {
  if (stage_ == Stage::kFirst) {
    options_.model.bytes_per_second = kBandwidthDoubt * measure_bandwidth(plan_.tuning(), worker, plan_.party());
  }
  const Measures measured = gather(worker);
  if (worker.id() == 0) choose(measured);
  broadcast(worker);
  begin_ = iteration_;
  samples_.erase({Activity::kForward, kWhole, Scheme::kNone});
  return schemes_;
}

// Every trial is of fewer layers than the one before, so there are few.
void SchemeTuner::choose(const Measures& measured) {
  const double iteration_s = measured.at({Activity::kForward, kWhole, Scheme::kNone});
  const std::vector<double> saved = savings(measured);
  if (stage_ == Stage::kFirst) {
    first_s_ = best_s_ = iteration_s;
    best_ = first_;
    for (std::size_t i = 0; i < saved.size(); ++i) {
      if (saved[i] > kWorthIt * iteration_s) schemes_[i] = *plan_.layers()[i].other;
    }
  } else if (iteration_s < (1 - kWorthIt) * best_s_) {
    best_s_ = iteration_s;
    best_ = schemes_;
    withdraw(saved, schemes_.size());
  } else {
    withdraw(saved, on_trial().size() / 2);
  }
  if (schemes_ != first_ && schemes_ != best_) {
    stage_ = Stage::kTrial;
    return;
  }
  schemes_ = best_;
  stage_ = Stage::kSettled;
  conclude();
}

std::vector<std::size_t> SchemeTuner::on_trial() const {
  std::vector<std::size_t> layers;
  for (std::size_t i = 0; i < schemes_.size(); ++i) {
    if (schemes_[i] != first_[i]) layers.push_back(i);
  }
  return layers;
}

std::vector<double> SchemeTuner::savings(const Measures& measured) const {
  const auto seconds = [&](Activity activity, int layer, Scheme scheme = Scheme::kNone) {
    return measured.at({activity, layer, scheme});
  };
  std::vector<LayerCost> net;
  for (int layer = 0; layer < options_.layers; ++layer) {
    const bool learns = index_[static_cast<std::size_t>(layer)] >= 0;
    net.push_back({.forward_s = seconds(Activity::kForward, layer),
                   .backward_s = learns ? 0 : seconds(Activity::kBackward, layer),
                   .combine_s = seconds(Activity::kUpdate, layer)});
  }
  std::vector<SchemeAlternatives> layers;
  for (std::size_t i = 0; i < first_.size(); ++i) {
    const PlannedLayer& planned = plan_.layers()[i];
    const int layer = options_.numbers[i];
    // What has not been measured may cost nothing; but backward as much as by the first scheme.
    const double first_backward_s = seconds(Activity::kBackward, layer, first_[i]);
    const auto cost = [&](Scheme scheme) -> SchemeCost {
      const double backward_s = seconds(Activity::kBackward, layer, scheme);
      return {.bytes = static_cast<double>(plan_.bytes(planned, scheme)),
              .backward_s = backward_s > 0 ? backward_s : first_backward_s,
              .send_s = seconds(Activity::kSend, layer, scheme),
              .combine_s = seconds(Activity::kCombine, layer, scheme)};
    };
    layers.push_back({.layer = layer, .cost = cost(first_[i]), .other = {}});
    if (planned.other) layers.back().other = cost(*planned.other);
  }
  return seconds_saved(options_.model, net, layers);
}

void SchemeTuner::withdraw(const std::vector<double>& saved, std::size_t most) {
  std::vector<std::size_t> tried = on_trial();
  std::stable_sort(tried.begin(), tried.end(), [&](std::size_t a, std::size_t b) { return saved[a] > saved[b]; });
  for (std::size_t place = 0; place < tried.size(); ++place) {
    const std::size_t i = tried[place];
    if (place >= most || saved[i] <= 0) schemes_[i] = first_[i];
  }
}

void SchemeTuner::conclude() {
  constexpr double kMega = 1e6;
  constexpr double kMilli = 1e3;
  std::string changes;
  for (std::size_t i = 0; i < schemes_.size(); ++i) {
    if (schemes_[i] == first_[i]) continue;
    changes +=
        fmt::format("{}{} by {}", changes.empty() ? "" : ", ", plan_.layers()[i].layer.name, name_of(schemes_[i]));
  }
  conclusion_ =
      fmt::format("auto: {:.0f} MB/s between processes; ", options_.model.bytes_per_second / kBandwidthDoubt / kMega);
  conclusion_ +=
      changes.empty()
          ? fmt::format("keeping the schemes chosen by bytes, {:.4g} ms an iteration", best_s_ * kMilli)
          : fmt::format("{}: {:.4g} ms an iteration instead of {:.4g}", changes, best_s_ * kMilli, first_s_ * kMilli);
}

}  // namespace poseidon
