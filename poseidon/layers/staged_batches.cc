#include "poseidon/layers/staged_batches.h"

#include <cstring>
#include <span>

namespace poseidon {

StagedBatches::StagedBatches(Backend& backend, BatchSource& source, bool ahead)
    : backend_(backend), source_(source), ahead_(ahead && !source.repeats_one()) {
  const Shape& shape = source.shape();
  for (std::size_t i = 0; i < (ahead_ ? slots_.size() : 1); ++i) {
    slots_[i] = {.images = make_part(shape), .labels = make_part({shape[0]})};
  }
}

StagedBatches::Part StagedBatches::make_part(const Shape& shape) {
  const TensorDescription description = TensorDescription::row_major(shape);
  return {.tensor = backend_.make(description), .host = backend_.allocate_host(description.bytes), .copied = {}};
}

void StagedBatches::next(Tensor& images, Tensor& labels) {
  if (!filled_) fill(slots_[next_]);
  backend_.copy(slots_[next_].images.tensor, images);
  backend_.copy(slots_[next_].labels.tensor, labels);
  filled_ = source_.repeats_one();
  if (!ahead_) return;
  next_ = 1 - next_;
  fill(slots_[next_]);
  filled_ = true;
}

void StagedBatches::fill(Slot& slot) {
  const Batch& batch = source_.next();
  bring(batch.images, slot.images);
  bring(batch.labels, slot.labels);
}

void StagedBatches::bring(const std::vector<float>& values, Part& part) {
  const std::span<float> host(reinterpret_cast<float*>(part.host->data()), values.size());
  backend_.await(part.copied);
  std::memcpy(host.data(), values.data(), host.size_bytes());
  part.copied = backend_.begin_upload(host, part.tensor, UploadOrder::kInOrder);
}

}  // namespace poseidon
