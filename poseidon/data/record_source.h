#pragma once

// Batches from a data set. All workers together go through one endless stream of examples, epoch after epoch; iteration
// t of worker w of N takes the positions (t N + w) B to (t N + w) B + B - 1. So N workers at batch B see what one
// worker at batch N B sees, whatever is random: it depends on the seed and the position alone.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "poseidon/data/batch_source.h"
#include "poseidon/data/data_set.h"
#include "poseidon/spec/data_spec.h"

namespace poseidon {

struct RecordSourceOptions {
  std::int64_t batch = 1;
  int worker = 0;
  int workers = 1;
  std::int64_t first = 0;  ///< example at which batch 0 of worker 0 begins
  bool training = true;    ///< shuffles, crops and mirrors at random; else in order, from the centre
  std::uint64_t seed = 1;
  int threads = 1;  ///< that read ahead
  TransformSpec transform = {};
};

class RecordSource final : public BatchSource {
 public:
  /// Throws bosen::Error(kConfiguration) where the transform does not fit the set.
  RecordSource(std::shared_ptr<const DataSet> set, const RecordSourceOptions& options);
  ~RecordSource() override;
  RecordSource(const RecordSource&) = delete;
  RecordSource& operator=(const RecordSource&) = delete;

  [[nodiscard]] const Shape& shape() const override { return shape_; }
  [[nodiscard]] std::int64_t classes() const override { return static_cast<std::int64_t>(set_->info().classes.size()); }
  [[nodiscard]] std::int64_t examples() const override { return set_->info().examples; }
  const Batch& next() override;
  const PixelTransform* give_pixels() override;
  void seek(std::int64_t batches) override;
  [[nodiscard]] double waited_s() const override { return waited_s_; }

 private:
  struct Slot {
    Batch batch;
    std::int64_t number = -1;  ///< of the batch that is ready in it
    std::exception_ptr error;
  };

  void start();
  void stop();
  /// Stops, and starts again with that batch.
  void restart(std::int64_t batch);
  void read_ahead();
  void make(std::int64_t number, Batch& batch, std::string& buffer) const;
  [[nodiscard]] ImagePart part_of(std::uint64_t random) const;
  void transform(const Example& example, const ImagePart& part, float* image) const;
  void cut(const Example& example, const ImagePart& part, std::uint8_t* pixels) const;

  const std::shared_ptr<const DataSet> set_;
  const RecordSourceOptions options_;
  Shape shape_;
  const PixelTransform transform_;
  bool gives_pixels_ = false;  ///< changed while no thread reads

  std::mutex mutex_;  ///< guards what follows, but for batches of slots that are being filled or looked at
  std::condition_variable changed_;
  std::vector<Slot> slots_;    ///< batch n goes to slot n % size
  std::int64_t to_read_ = 0;   ///< the next batch that a thread takes
  std::int64_t released_ = 0;  ///< batches before it are not looked at any more
  bool stopping_ = false;
  std::vector<std::jthread> threads_;

  // The reader's.
  std::int64_t next_ = 0;
  double waited_s_ = 0;
};

}  // namespace poseidon
