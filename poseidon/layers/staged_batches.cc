#include "poseidon/layers/staged_batches.h"

#include <cstring>
#include <span>
#include <utility>

#include "bosen/error.h"

namespace poseidon {

StagedBatches::StagedBatches(Backend& backend, BatchSource& source, bool ahead)
    : backend_(backend), source_(source), ahead_(ahead && !source.repeats_one()) {
  const Shape& shape = source.shape();
  for (std::size_t i = 0; i < (ahead_ ? slots_.size() : 1); ++i) {
    slots_[i] = {.images = make_part(shape), .labels = make_part({shape[0]}), .error = {}};
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
  backend_.copy(slot.images.tensor, images);
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
    bring(batch.images, slot.images);
    bring(batch.labels, slot.labels);
  } catch (const bosen::Error&) {
    slot.error = std::current_exception();  // of a batch that is perhaps never used
  }
}

void StagedBatches::bring(const std::vector<float>& values, Part& part) {
  const std::span<float> host(reinterpret_cast<float*>(part.host->data()), values.size());
  backend_.await(part.copied);
  std::memcpy(host.data(), values.data(), host.size_bytes());
  part.copied = backend_.begin_upload(host, part.tensor, UploadOrder::kInOrder);
}

}  // namespace poseidon
