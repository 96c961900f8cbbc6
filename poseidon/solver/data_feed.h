#pragma once

// Where batches come from: a data set's folder, or synthetic images. Made once for a process; any of its workers may
// open sources, which then are theirs.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "poseidon/data/batch_source.h"
#include "poseidon/layer.h"
#include "poseidon/spec/net_spec.h"

namespace poseidon {

/// Which batches of the stream of examples a source hands out: worker w of N those numbered w, w + N, w + 2N ...
struct FeedShare {
  int worker = 0;
  int workers = 1;
  std::int64_t batch = 0;         ///< images; as DataFeed::batch has it, or another
  std::int64_t first = 0;         ///< example of the part at which batch 0 begins
  std::int64_t read_threads = 1;  ///< that read ahead
};

class DataFeed {
 public:
  /// `data` names the folder, or is "synthetic"; empty: the source that the net's data layer names. Throws
  /// bosen::Error(kConfiguration or kData) where there is no such data or it does not fit the layer.
  /// Of these phases; of others it has nothing.
  DataFeed(const NetSpec& net, const std::string& data, std::uint64_t seed,
           std::initializer_list<Phase> phases = {Phase::kTrain, Phase::kTest});
  ~DataFeed();

  /// Whether the net has a data layer in this phase, and the data a part for it.
  [[nodiscard]] bool has(Phase phase) const;
  /// The folder that the data would have to test with, where the net would test and there is none; else empty.
  [[nodiscard]] const std::string& missing_test_part() const;
  /// Images of a batch as the data layer says. The phase is there.
  [[nodiscard]] std::int64_t batch(Phase phase) const;
  /// Examples of the phase's part.
  [[nodiscard]] std::int64_t examples(Phase phase) const;
  /// Whether the phase's images are made up, and the same few again and again.
  [[nodiscard]] bool is_synthetic(Phase phase) const;
  [[nodiscard]] std::unique_ptr<BatchSource> open(Phase phase, const FeedShare& share) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace poseidon
