#include "poseidon/data/batch_source.h"

#include <fmt/format.h>

#include <exception>

#include "bosen/error.h"

namespace poseidon {

Batch make_batch(const Shape& shape) {
  try {
    Batch batch;
    batch.images.resize(static_cast<std::size_t>(shape.count()));
    batch.labels.resize(static_cast<std::size_t>(shape[0]));
    return batch;
  } catch (const bosen::Error&) {
    throw;
  } catch (const std::exception&) {  // bad_alloc or length_error
    throw bosen::Error(bosen::ErrorKind::kConfiguration,
                       fmt::format("there is no memory for a batch of {} ({} MB): take a smaller batch", shape.text(),
                                   shape.count() * static_cast<std::int64_t>(sizeof(float)) / 1'000'000));
  }
}

}  // namespace poseidon
