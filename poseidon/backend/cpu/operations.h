#pragma once

// Makers of the CPU's operations; each has a file of its own.

#include <memory>
#include <span>

#include "poseidon/backend.h"
#include "poseidon/backend/cpu/layout.h"

namespace poseidon::cpu {

std::unique_ptr<ConvolutionOperation> make_convolution(const Device& device, const ConvolutionOptions& options,
                                                       const TensorDescription& input);
std::unique_ptr<InnerProductOperation> make_inner_product(const Device& device, std::int64_t outputs,
                                                          const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_pooling(const Device& device, const PoolingOptions& options,
                                             const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_activation(const Device& device, const ActivationOptions& options,
                                                const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_lrn(const Device& device, const LrnOptions& options,
                                         const TensorDescription& input);
std::unique_ptr<UnaryOperation> make_softmax(const Device& device, const TensorDescription& input);
std::unique_ptr<BatchNormalisationOperation> make_batch_normalisation(const Device& device,
                                                                      const BatchNormalisationOptions& options,
                                                                      const TensorDescription& input);
std::unique_ptr<SoftmaxLossOperation> make_softmax_loss(const Device& device, const SoftmaxLossOptions& options,
                                                        const TensorDescription& input);
std::unique_ptr<DropoutOperation> make_dropout(double ratio, std::uint64_t seed, const TensorDescription& input);
std::unique_ptr<MergeOperation> make_concat(const Device& device, int axis, std::span<const TensorDescription> inputs);
std::unique_ptr<MergeOperation> make_eltwise(const Device& device, const EltwiseOptions& options,
                                             std::span<const TensorDescription> inputs);

/// c (m x n) = op(a) * op(b), all row-major; op transposes where asked to.
enum class Transposed { kNo, kYes };
void multiply(Transposed transpose_a, Transposed transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
              const float* a, const float* b, float* c);

/// sums (width) = column sums of a (rows x width).
void sum_rows(const float* a, std::int64_t rows, std::int64_t width, float* sums);

/// Whether no element is NaN.
bool are_numbers(const Tensor& tensor);

void update(const UpdateRule& rule, const UpdateTarget& target);

}  // namespace poseidon::cpu
