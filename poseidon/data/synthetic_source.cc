#include "poseidon/data/synthetic_source.h"

#include <random>
#include <utility>

namespace poseidon {

SyntheticSource::SyntheticSource(Shape shape, std::int64_t classes, std::uint64_t seed)
    : shape_(std::move(shape)), classes_(classes), seed_(seed) {}

const Batch& SyntheticSource::next() {
  if (!batch_.images.empty()) return batch_;
  std::mt19937_64 generator(seed_);
  batch_ = make_batch(shape_);
  for (float& value : batch_.images) value = static_cast<float>(static_cast<double>(generator() >> 11) * 0x1.0p-52 - 1);
  for (float& label : batch_.labels) label = static_cast<float>(generator() % static_cast<std::uint64_t>(classes_));
  return batch_;
}

}  // namespace poseidon
