#include "poseidon/solver/data_feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "bosen/error.h"
#include "poseidon/data/data_set.h"
#include "poseidon/data/record_source.h"
#include "poseidon/data/synthetic_source.h"
#include "poseidon/spec/data_spec.h"

namespace poseidon {
namespace {

constexpr const char* kSynthetic = "synthetic";
constexpr const char* kDataLayer = "Data";

/// A phase's data layer, and its data once they have been asked for.
struct Part {
  const LayerSpec* layer = nullptr;
  DataSpec spec;
  std::string folder;  ///< empty: synthetic
  std::shared_ptr<const DataSet> set;
};

void check(const Part& part, const DataSet& set) {
  const DataSetInfo& info = set.info();
  const Shape shape{info.channels, info.height, info.width};
  if (part.spec.shape && !(*part.spec.shape == shape)) {
    part.layer->node.fail(
        fmt::format("layer '{}': its images are {}, those in {} are {}: change data_param.shape, or "
                    "build the data with another --resize",
                    part.layer->name, part.spec.shape->text(), part.folder, shape.text()));
  }
  const auto classes = static_cast<std::int64_t>(info.classes.size());
  if (part.spec.classes > 0 && classes > part.spec.classes) {
    part.layer->node.fail(
        fmt::format("layer '{}': it has {} classes, {} has {} (labels 0 to {}): change "
                    "data_param.classes and the net's outputs",
                    part.layer->name, part.spec.classes, part.folder, classes, classes - 1));
  }
}

/// Without shape or classes there is nothing to make images of.
void check_synthetic(const Part& part) {
  const auto fail = [&](const std::string& reason) {
    part.layer->node.fail(fmt::format("layer '{}': {}", part.layer->name, reason));
  };
  if (!part.spec.shape || part.spec.classes == 0) {
    fail("synthetic data needs data_param.shape and data_param.classes");
  }
  const Shape& shape = *part.spec.shape;
  const std::int64_t crop = part.spec.transform.crop_size;
  if (crop > shape[1] || crop > shape[2]) fail(fmt::format("crop_size {} is larger than {}", crop, shape.text()));
}

std::unique_ptr<BatchSource> make_source(const Part& part, Phase phase, const FeedShare& share, std::uint64_t seed) {
  if (!part.set) {
    const Shape& shape = *part.spec.shape;
    const std::int64_t crop = part.spec.transform.crop_size;
    return std::make_unique<SyntheticSource>(
        Shape{share.batch, shape[0], crop > 0 ? crop : shape[1], crop > 0 ? crop : shape[2]}, part.spec.classes,
        seed + static_cast<std::uint64_t>(share.worker));
  }
  return std::make_unique<RecordSource>(part.set, RecordSourceOptions{.batch = share.batch,
                                                                      .worker = share.worker,
                                                                      .workers = share.workers,
                                                                      .first = share.first,
                                                                      .training = phase == Phase::kTrain,
                                                                      .seed = seed,
                                                                      .threads = static_cast<int>(share.read_threads),
                                                                      .transform = part.spec.transform});
}

}  // namespace

class DataFeed::Impl {
 public:
  Impl(const NetSpec& net, const std::string& data, std::uint64_t seed, std::initializer_list<Phase> phases)
      : net_(net), seed_(seed) {
    for (const Phase phase : phases) add(phase == Phase::kTrain ? train_ : test_, net_, data, phase == Phase::kTrain);
  }

  [[nodiscard]] bool has(Phase phase) const {
    const std::optional<Part>& part = phase == Phase::kTrain ? train_ : test_;
    return part.has_value();
  }

  /// With its data.
  const Part& part(Phase phase) {
    Part& part = phase == Phase::kTrain ? *train_ : *test_;
    const std::lock_guard lock(mutex_);
    if (part.folder.empty() || part.set) return part;
    auto set = std::make_shared<const DataSet>(part.folder);
    check(part, *set);
    part.set = std::move(set);
    return part;
  }

  [[nodiscard]] const DataSpec& spec(Phase phase) const { return (phase == Phase::kTrain ? *train_ : *test_).spec; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] const std::string& missing_test_part() const { return missing_test_part_; }

 private:
  void add(std::optional<Part>& part, const NetSpec& net, const std::string& data, bool train) {
    const bool there = std::any_of(net.layers.begin(), net.layers.end(), [&](const LayerSpec& layer) {
      return layer.type == kDataLayer && (train ? layer.in_train : layer.in_test);
    });
    if (!there) return;
    Part found{.layer = &data_layer(net, train), .spec = {}, .folder = {}, .set = nullptr};
    found.spec = read_data_spec(*found.layer);
    const std::string& source = data.empty() ? found.spec.source : data;
    if (source.empty()) {
      throw bosen::Error(bosen::ErrorKind::kUsage,
                         fmt::format("{}: layer '{}' names no source: give --data DIR, made by 'poseidon data'",
                                     found.layer->node.place(), found.layer->name));
    }
    if (source == kSynthetic) {
      check_synthetic(found);
    } else {
      found.folder = source + (train ? "/train" : "/test");
      std::error_code error;
      // A folder without a part to train with is no data set, which is what opening it says.
      if (!train && std::filesystem::exists(source + "/train", error) &&
          !std::filesystem::exists(found.folder, error)) {
        missing_test_part_ = found.folder;
        return;
      }
    }
    part = std::move(found);
  }

  const NetSpec net_;  // parts point to its layers
  const std::uint64_t seed_;
  std::mutex mutex_;  ///< guards the parts' sets
  std::optional<Part> train_, test_;
  std::string missing_test_part_;
};

DataFeed::DataFeed(const NetSpec& net, const std::string& data, std::uint64_t seed, std::initializer_list<Phase> phases)
    : impl_(std::make_unique<Impl>(net, data, seed, phases)) {}

DataFeed::~DataFeed() = default;

bool DataFeed::has(Phase phase) const { return impl_->has(phase); }

const std::string& DataFeed::missing_test_part() const { return impl_->missing_test_part(); }

std::int64_t DataFeed::batch(Phase phase) const { return impl_->spec(phase).batch_size; }

std::int64_t DataFeed::examples(Phase phase) const {
  const Part& part = impl_->part(phase);
  return part.set ? part.set->info().examples : part.spec.batch_size;
}

bool DataFeed::is_synthetic(Phase phase) const { return !impl_->part(phase).set; }

std::unique_ptr<BatchSource> DataFeed::open(Phase phase, const FeedShare& share) const {
  const Part& part = impl_->part(phase);
  try {
    return make_source(part, phase, share, impl_->seed());
  } catch (const bosen::Error& error) {
    if (error.kind() != bosen::ErrorKind::kConfiguration) throw;
    part.layer->node.fail(fmt::format("layer '{}': {}", part.layer->name, error.what()));
  }
}

}  // namespace poseidon
