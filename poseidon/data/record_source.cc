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
    : set_(std::move(set)),
      options_(options),
      transform_{.whole = {set_->info().channels, set_->info().height, set_->info().width},
                 .mean = mean_of(*set_, options.transform),
                 .scale = static_cast<float>(options.transform.scale)} {
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
  try {
    for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { read_ahead(); });
  } catch (...) {
    stop();  // those that run would be waited for without being told
    throw;
  }
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
  restart(batches);
}

void RecordSource::restart(std::int64_t batch) {
  stop();
  stopping_ = false;
  for (Slot& slot : slots_) slot.number = -1;
  next_ = to_read_ = released_ = batch;
  start();
}

const PixelTransform* RecordSource::give_pixels() {
  stop();
  gives_pixels_ = true;
  for (Slot& slot : slots_) {
    slot.batch.images = {};
    slot.batch.pixels.resize(static_cast<std::size_t>(shape_.count()));
    slot.batch.parts.resize(static_cast<std::size_t>(shape_[0]));
  }
  restart(next_);
  return &transform_;
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
    const ImagePart part = part_of(mixed(options_.seed + mixed(static_cast<std::uint64_t>(position))));
    if (gives_pixels_) {
      cut(example, part, batch.pixels.data() + i * image);
      batch.parts[static_cast<std::size_t>(i)] = part;
    } else {
      transform(example, part, batch.images.data() + i * image);
    }
    batch.labels[static_cast<std::size_t>(i)] = static_cast<float>(example.label);
  }
}

ImagePart RecordSource::part_of(std::uint64_t random) const {
  const DataSetInfo& info = set_->info();
  const std::int64_t room_above = info.height - shape_[2];
  const std::int64_t room_beside = info.width - shape_[3];
  if (!options_.training) {
    return {.top = static_cast<std::int32_t>(room_above / 2), .left = static_cast<std::int32_t>(room_beside / 2)};
  }
  const auto top = (random & 0xFFFFF) % static_cast<std::uint64_t>(room_above + 1);
  const auto left = (random >> 20 & 0xFFFFF) % static_cast<std::uint64_t>(room_beside + 1);
  const bool mirrored = options_.transform.mirror && (random >> 63) != 0;
  return {.top = static_cast<std::int32_t>(top),
          .left = static_cast<std::int32_t>(left),
          .mirrored = static_cast<std::int32_t>(mirrored)};
}

void RecordSource::transform(const Example& example, const ImagePart& part, float* image) const {
  const DataSetInfo& info = set_->info();
  const std::int64_t height = shape_[2];
  const std::int64_t width = shape_[3];
  for (std::int64_t row = 0; row < info.channels * height; ++row) {
    const std::int64_t from = (row / height * info.height + part.top + row % height) * info.width + part.left;
    const std::uint8_t* const pixels = example.pixels.data() + from;
    const float* const mean = transform_.mean.data() + from;
    float* const target = image + row * width;
    for (std::int64_t x = 0; x < width; ++x) {
      target[x] = (static_cast<float>(pixels[x]) - mean[x]) * transform_.scale;
    }
    if (part.mirrored != 0) std::reverse(target, target + width);
  }
}

void RecordSource::cut(const Example& example, const ImagePart& part, std::uint8_t* pixels) const {
  const DataSetInfo& info = set_->info();
  const std::int64_t height = shape_[2];
  const std::int64_t width = shape_[3];
  for (std::int64_t row = 0; row < info.channels * height; ++row) {
    const std::int64_t from = (row / height * info.height + part.top + row % height) * info.width + part.left;
    std::copy_n(example.pixels.data() + from, width, pixels + row * width);
  }
}

}  // namespace poseidon
