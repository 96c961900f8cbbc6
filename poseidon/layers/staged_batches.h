#pragma once

// Brings batches to a device that has memory of its own, beside what it computes: while it is at one, the next is on
// its way, as bytes where the device makes images of them. Used by its net's thread.

#include <array>
#include <exception>
#include <memory>
#include <vector>

#include "poseidon/backend.h"
#include "poseidon/data/batch_source.h"

namespace poseidon {

class StagedBatches {
 public:
  /// With `ahead` the source is always asked for one batch more than was used. Both outlive it.
  StagedBatches(Backend& backend, BatchSource& source, bool ahead);

  /// Puts the next batch into row-major tensors of its shapes. Throws what the source has thrown for it.
  void next(Tensor& images, Tensor& labels);
  /// Begins to bring the one after that, where it is to come ahead: when the device has been asked to compute.
  void read_ahead();

 private:
  struct Part {
    Tensor tensor;
    std::shared_ptr<Memory> host;
    Ticket copied;
  };
  struct Slot {
    Part images, labels;
    std::exception_ptr error;  ///< instead of a batch
  };

  [[nodiscard]] Part make_part(const Shape& shape);
  void fill(Slot& slot);
  /// write(floats of the host's memory) writes what is to come.
  template <class Write>
  void bring(Part& part, const Write& write);

  Backend& backend_;
  BatchSource& source_;
  const bool ahead_;
  std::unique_ptr<PixelOperation> pixels_;  ///< nullptr: images come as they are
  std::array<Slot, 2> slots_;
  std::size_t next_ = 0;  ///< the slot whose turn it is
  bool filled_ = false;   ///< whether its batch is on its way
};

}  // namespace poseidon
