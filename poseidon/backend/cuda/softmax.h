#pragma once

// The softmax over channels of each position (a place of an example), for operations that go on from it.

#include <cfloat>
#include <cmath>

#include "poseidon/backend/cuda/launch.h"
#include "poseidon/backend/cuda/layout.h"

namespace poseidon::cuda {

/// The largest score so far, and the sum of exp(score - largest).
struct ExponentialSum {
  float largest = -FLT_MAX;
  float sum = 0;

  POSEIDON_DEVICE void add(const ExponentialSum& other) {
    if (other.sum == 0) return;
    const float both = largest > other.largest ? largest : other.largest;
    sum = sum * expf(largest - both) + other.sum * expf(other.largest - both);
    // Numbers that are none must show: a comparison would lose them.
    if (other.largest != other.largest) sum = other.largest;
    largest = both;
  }
};

template <class T>
struct Score {
  Grid grid;
  const T* scores;
  POSEIDON_DEVICE ExponentialSum operator()(std::uint32_t position, std::uint32_t c) const {
    return {to_float(scores[grid.offset(position / grid.places, c, position % grid.places)]), 1};
  }
};

struct StoreExponentialSum {
  ExponentialSum* sums;
  POSEIDON_DEVICE void operator()(std::uint32_t position, const ExponentialSum& sum) const { sums[position] = sum; }
};

/// sums[position] for each.
template <class T>
void sum_exponentials(Device& device, const Grid& grid, const T* scores, ExponentialSum* sums) {
  const Along along = grid.channel_stride == 1 ? Along::kInputs : Along::kOutputs;
  fold<ExponentialSum>(device, along, std::int64_t{grid.batch} * grid.places, grid.channels, Score<T>{grid, scores},
                       StoreExponentialSum{sums});
}

POSEIDON_DEVICE inline float probability(float score, const ExponentialSum& sum) {
  return expf(score - sum.largest) / sum.sum;
}

}  // namespace poseidon::cuda
