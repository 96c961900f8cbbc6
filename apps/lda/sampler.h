#pragma once

#include "apps/lda/slice.h"
#include "bosen/random.h"

namespace lda {

/// Draws a new topic for every token of a slice, each given all others (collapsed Gibbs sampling: Griffiths and
/// Steyvers, Finding scientific topics, PNAS 2004): p(k) ~ (n_dk + alpha) (n_wk + beta) / (n_k + V beta), the token
/// itself not counted. Samplers differ in how they draw from it.
class Sampler {
 public:
  virtual ~Sampler() = default;

  /// Changes the slice's topics, and the counts with them.
  virtual void sample(Slice& slice, Counts& counts, bosen::Random& random) = 0;
};

}  // namespace lda
