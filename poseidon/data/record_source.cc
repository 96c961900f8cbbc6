#include "poseidon/data/record_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bosen/error.h"
#include "poseidon/data/permutation.h"

namespace poseidon {
namespace {

constexpr std::size_t kBatchesAhead = 3;

std::uint64_t mixed(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

[[noreturn]] void refuse(const DataSet& set, const std::string& reason) {
  throw bosen::Error(bosen::ErrorKind::kConfiguration, fmt::format("{}: {}", set.folder(), reason));
}

std::vector<float> mean_of(const DataSet& set, const TransformSpec& transform) {
  const DataSetInfo& info = set.info();
  if (transform.mean_image) return info.mean;
  std::vector<float> mean(static_cast<std::size_t>(info.pixels()), 0.0F);
  if (transform.mean_values.empty()) return mean;
  const auto channels = static_cast<std::size_t>(info.channels);
  if (transform.mean_values.size() != 1 && transform.mean_values.size() != channels) {
    refuse(set, fmt::format("has {} channels, but transform_param.mean_value has {} values", channels,
                            transform.mean_values.size()));
  }
  const std::size_t plane = mean.size() / channels;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    mean[i] = static_cast<float>(transform.mean_values[transform.mean_values.size() == 1 ? 0 : i / plane]);
  }
  return mean;
}

}  // namespace

RecordSource::RecordSource(std::shared_ptr<const DataSet> set, const RecordSourceOptions& options)
    : set_(std::move(set)), options_(options), mean_(mean_of(*set_, options.transform)) {
  const DataSetInfo& info = set_->info();
  if (options_.batch < 1 || options_.threads < 1 || options_.worker < 0 || options_.worker >= options_.workers) {
    refuse(*set_, fmt::format("can't be read by worker {} of {} in batches of {} with {} threads", options_.worker,
                              options_.workers, options_.batch, options_.threads));
  }
  const std::int64_t crop = options_.transform.crop_size;
  if (crop > info.height || crop > info.width) {
    refuse(*set_, fmt::format("has images of {} x {}, smaller than crop_size {}", info.height, info.width, crop));
  }
  shape_ = {options_.batch, info.channels, crop > 0 ? crop : info.height, crop > 0 ? crop : info.width};
  slots_.resize(kBatchesAhead + static_cast<std::size_t>(options_.threads));
  for (Slot& slot : slots_) slot.batch = make_batch(shape_);
  start();
}

RecordSource::~RecordSource() { stop(); }

void RecordSource::start() {
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { read_ahead(); });
}

void RecordSource::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();
}

void RecordSource::seek(std::int64_t batches) {
  if (batches < 0 || batches > kExamplesReadMax / options_.batch / options_.workers) {
    refuse(*set_, fmt::format("has no batch number {}: a snapshot that says so is damaged", batches));
  }
  stop();
  stopping_ = false;
  for (Slot& slot : slots_) slot.number = -1;
  next_ = to_read_ = released_ = batches;
  start();
}

void RecordSource::read_ahead() {
  std::string buffer;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto has_room = [this] { return to_read_ < released_ + static_cast<std::int64_t>(slots_.size()); };
    changed_.wait(lock, [&] { return stopping_ || has_room(); });
    if (stopping_) return;
    const std::int64_t number = to_read_++;
    Slot& slot = slots_[static_cast<std::size_t>(number) % slots_.size()];
    lock.unlock();
    std::exception_ptr error;
    try {
      make(number, slot.batch, buffer);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    slot.error = error;
    slot.number = number;
    changed_.notify_all();
  }
}

const Batch& RecordSource::next() {
  std::unique_lock lock(mutex_);
  released_ = next_;
  changed_.notify_all();
  Slot& slot = slots_[static_cast<std::size_t>(next_) % slots_.size()];
  if (slot.number != next_) {
    const auto begin = std::chrono::steady_clock::now();
    changed_.wait(lock, [&] { return slot.number == next_; });
    waited_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  if (slot.error) std::rethrow_exception(slot.error);
  ++next_;
  return slot.batch;
}

void RecordSource::make(std::int64_t number, Batch& batch, std::string& buffer) const {
  const std::int64_t first = options_.first + (number * options_.workers + options_.worker) * options_.batch;
  const std::int64_t image = shape_.count(1, 4);
  for (std::int64_t i = 0; i < options_.batch; ++i) {
    const std::int64_t position = first + i;
    const std::int64_t epoch = position / examples();
    std::int64_t index = position % examples();
    if (options_.training) {
      index = Permutation(examples(), mixed(options_.seed ^ mixed(static_cast<std::uint64_t>(epoch))))[index];
    }
    const Example example = set_->read(index, buffer);
    transform(example, mixed(options_.seed + mixed(static_cast<std::uint64_t>(position))),
              batch.images.data() + i * image);
    batch.labels[static_cast<std::size_t>(i)] = static_cast<float>(example.label);
  }
}

void RecordSource::transform(const Example& example, std::uint64_t random, float* image) const {
  const DataSetInfo& info = set_->info();
  const std::int64_t height = shape_[2];
  const std::int64_t width = shape_[3];
  std::int64_t top = (info.height - height) / 2;
  std::int64_t left = (info.width - width) / 2;
  bool mirrored = false;
  if (options_.training) {
    top = static_cast<std::int64_t>((random & 0xFFFFF) % static_cast<std::uint64_t>(info.height - height + 1));
    left = static_cast<std::int64_t>((random >> 20 & 0xFFFFF) % static_cast<std::uint64_t>(info.width - width + 1));
    mirrored = options_.transform.mirror && (random >> 63) != 0;
  }
  const auto scale = static_cast<float>(options_.transform.scale);
  for (std::int64_t row = 0; row < info.channels * height; ++row) {
    const std::int64_t from = (row / height * info.height + top + row % height) * info.width + left;
    const std::uint8_t* const pixels = example.pixels.data() + from;
    const float* const mean = mean_.data() + from;
    float* const target = image + row * width;
    for (std::int64_t x = 0; x < width; ++x) target[x] = (static_cast<float>(pixels[x]) - mean[x]) * scale;
    if (mirrored) std::reverse(target, target + width);
  }
}

}  // namespace poseidon
