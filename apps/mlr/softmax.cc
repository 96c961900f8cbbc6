#include "apps/mlr/softmax.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace mlr {
namespace {

/// Four classes at once. Every x86-64 and ARM64 has such registers, so nothing needs to be chosen at run time; left to
/// itself, g++ 12 turns loops over so few elements into scalar code.
using Lanes = float __attribute__((vector_size(16)));
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(float);

Lanes load_lanes(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

void store_lanes(const Lanes& lanes, float* to) { std::memcpy(to, &lanes, sizeof lanes); }

template <std::size_t kBlock>
std::array<Lanes, kBlock / kLanes> load_block(const float* from) {
  std::array<Lanes, kBlock / kLanes> block;
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = load_lanes(from + i * kLanes);
  return block;
}

template <std::size_t kBlock>
void multiply(std::span<const Feature> example, const float* weights, std::size_t stride, float* sums) {
  auto block = load_block<kBlock>(sums);
  for (const Feature& feature : example) {
    const float* const row = weights + feature.column * stride;
    for (std::size_t i = 0; i < block.size(); ++i) block[i] += feature.value * load_lanes(row + i * kLanes);
  }
  for (std::size_t i = 0; i < block.size(); ++i) store_lanes(block[i], sums + i * kLanes);
}

template <std::size_t kBlock>
void add_outer(std::span<const Feature> example, const float* errors, std::size_t stride, float* gradient) {
  const auto block = load_block<kBlock>(errors);
  for (const Feature& feature : example) {
    float* const row = gradient + feature.column * stride;
    const float value = feature.value;
    for (std::size_t i = 0; i < block.size(); ++i) {
      store_lanes(load_lanes(row + i * kLanes) + value * block[i], row + i * kLanes);
    }
  }
}

std::size_t whole_blocks(std::size_t classes, std::size_t block) { return (classes + block - 1) / block * block; }

/// Turns logits into probabilities; returns the logarithm of their sum before, shifted back.
float softmax(std::span<float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (float& logit : logits) {
    logit = std::exp(logit - largest);
    sum += logit;
  }
  for (float& logit : logits) logit /= sum;
  return largest + std::log(sum);
}

}  // namespace

template <std::size_t kBlock>
constexpr Softmax::Kernels Softmax::kernels_of() {
  return {kBlock, multiply<kBlock>, add_outer<kBlock>};
}

Softmax::Kernels Softmax::choose_kernels(std::size_t classes) {
  if (classes <= 4) return kernels_of<4>();
  if (classes <= 8) return kernels_of<8>();
  if (classes <= 12) return kernels_of<12>();
  return kernels_of<16>();
}

Softmax::Softmax(int classes, std::vector<float> means)
    : classes_(classes),
      kernels_(choose_kernels(static_cast<std::size_t>(classes))),
      stride_(whole_blocks(static_cast<std::size_t>(classes), kernels_.block)),
      means_(std::move(means)),
      weights_(means_.size() * stride_),
      offsets_(stride_),
      gradient_(means_.size() * stride_),
      bias_gradient_(stride_) {}

void Softmax::load(std::span<const std::span<const float>> rows) {
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const std::span<const float> row = rows[k];
    double offset = static_cast<double>(row[means_.size()]);
    for (std::size_t j = 0; j < means_.size(); ++j) {
      weights_[j * stride_ + k] = row[j];
      offset -= static_cast<double>(row[j] * means_[j]);
    }
    offsets_[k] = static_cast<float>(offset);
  }
}

void Softmax::predict(std::span<const Feature> example, std::vector<float>& logits) const {
  logits = offsets_;
  for (std::size_t first = 0; first < stride_; first += kernels_.block) {
    kernels_.multiply(example, weights_.data() + first, stride_, logits.data() + first);
  }
}

Softmax::Score Softmax::test(const Examples& examples, std::size_t first, std::size_t count) const {
  Score score;
  std::vector<float> logits;
  for (std::size_t i = first; i < first + count; ++i) {
    predict(examples.of(i), logits);
    const std::span<float> used(logits.data(), static_cast<std::size_t>(classes_));
    const auto label = static_cast<std::size_t>(examples.labels[i]);
    const float logit = used[label];
    if (std::max_element(used.begin(), used.end()) == used.begin() + static_cast<std::ptrdiff_t>(label))
      ++score.correct;
    score.loss += static_cast<double>(softmax(used) - logit);
  }
  return score;
}

double Softmax::differentiate(const Examples& examples, std::span<const std::uint32_t> batch) {
  std::fill(gradient_.begin(), gradient_.end(), 0.0F);
  std::fill(bias_gradient_.begin(), bias_gradient_.end(), 0.0F);
  double loss = 0;
  std::vector<float> errors;
  for (const std::uint32_t i : batch) {
    const std::span<const Feature> example = examples.of(i);
    predict(example, errors);
    const std::span<float> used(errors.data(), static_cast<std::size_t>(classes_));
    const auto label = static_cast<std::size_t>(examples.labels[i]);
    const float logit = used[label];
    loss += static_cast<double>(softmax(used) - logit);
    used[label] -= 1;
    std::fill(errors.begin() + classes_, errors.end(), 0.0F);
    for (std::size_t k = 0; k < stride_; ++k) bias_gradient_[k] += errors[k];
    for (std::size_t first = 0; first < stride_; first += kernels_.block) {
      kernels_.add_outer(example, errors.data() + first, stride_, gradient_.data() + first);
    }
  }
  return loss;
}

void Softmax::gradient(int class_, float scale, float shrink, std::span<float> target) const {
  const auto k = static_cast<std::size_t>(class_);
  const float bias = bias_gradient_[k];
  for (std::size_t j = 0; j < means_.size(); ++j) {
    target[j] = scale * (gradient_[j * stride_ + k] - means_[j] * bias) + shrink * weights_[j * stride_ + k];
  }
  target[means_.size()] = scale * bias;
}

std::vector<float> Softmax::raw_row(int class_) const {
  const auto k = static_cast<std::size_t>(class_);
  std::vector<float> row(row_width());
  for (std::size_t j = 0; j < means_.size(); ++j) row[j] = weights_[j * stride_ + k];
  row[means_.size()] = offsets_[k];
  return row;
}

}  // namespace mlr
