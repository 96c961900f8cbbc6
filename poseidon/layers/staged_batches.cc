#include "poseidon/layers/staged_batches.h"

#include <cstring>
#include <span>
#include <utility>

#include "bosen/error.h"

namespace poseidon {

StagedBatches::StagedBatches(Backend& backend, BatchSource& source, bool ahead)
    : backend_(backend), source_(source), ahead_(ahead && !source.repeats_one()) {
  const Shape& shape = source.shape();
  if (const PixelTransform* const transform = backend.takes_pixels() ? source.give_pixels() : nullptr) {
    pixels_ = backend.pixels(*transform, shape);
  }
  const Shape brought = pixels_ ? Shape{static_cast<std::int64_t>(PackedPixels(shape).floats)} : shape;
  for (std::size_t i = 0; i < (ahead_ ? slots_.size() : 1); ++i) {
    slots_[i] = {.images = make_part(brought), .labels = make_part({shape[0]}), .error = {}};
  }
}

StagedBatches::Part StagedBatches::make_part(const Shape& shape) {
  const TensorDescription description = TensorDescription::row_major(shape);
  return {.tensor = backend_.make(description), .host = backend_.allocate_host(description.bytes), .copied = {}};
}

void StagedBatches::next(Tensor& images, Tensor& labels) {
  Slot& slot = slots_[next_];
  if (!filled_) fill(slot);
  if (slot.error) std::rethrow_exception(std::exchange(slot.error, nullptr));
  backend_.follow(slot.labels.copied);  // which was begun last
  if (pixels_) {
    pixels_->run(slot.images.tensor, images);
  } else {
    backend_.copy(slot.images.tensor, images);
  }
  backend_.copy(slot.labels.tensor, labels);
  filled_ = source_.repeats_one();
}

void StagedBatches::read_ahead() {
  if (!ahead_ || filled_) return;
  next_ = 1 - next_;
  fill(slots_[next_]);
}

void StagedBatches::fill(Slot& slot) {
  filled_ = true;
  try {
    const Batch& batch = source_.next();
    bring(slot.images, [&](std::span<float> host) {
      if (!pixels_) {
        std::memcpy(host.data(), batch.images.data(), host.size_bytes());
        return;
      }
      const PackedPixels packed(source_.shape());
      std::memcpy(host.data(), batch.pixels.data(), packed.pixels);
      std::memcpy(host.data() + packed.parts_begin, batch.parts.data(), batch.parts.size() * sizeof(ImagePart));
    });
    bring(slot.labels,
          [&](std::span<float> host) { std::memcpy(host.data(), batch.labels.data(), host.size_bytes()); });
  } catch (const bosen::Error&) {
    slot.error = std::current_exception();  // of a batch that is perhaps never used
  }
}

template <class Write>
void StagedBatches::bring(Part& part, const Write& write) {
  const std::span<float> host(reinterpret_cast<float*>(part.host->data()),
                              static_cast<std::size_t>(part.tensor.count()));
  backend_.await(part.copied);
  write(host);
  part.copied = backend_.begin_upload(host, part.tensor, UploadOrder::kInOrder);
}

}  // namespace poseidon
