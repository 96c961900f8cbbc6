#pragma once

// Operations as their definitions say them: plain loops in double precision, row-major. What the backends are compared
// with.

#include <cstdint>
#include <span>
#include <vector>

#include "poseidon/backend.h"

namespace poseidon::test {

using Values = std::vector<double>;

Shape convolved_shape(const ConvolutionOptions& options, const Shape& input);
Values convolve(const ConvolutionOptions& options, const Shape& shape, const Values& input, const Values& weight,
                const Values& bias);

Values inner_product(std::int64_t batch, std::int64_t outputs, const Values& input, const Values& weight,
                     const Values& bias);

Shape shape_after_pooling(const PoolingOptions& options, const Shape& input);
Values pool(const PoolingOptions& options, const Shape& shape, const Values& input);

Values activate(const ActivationOptions& options, const Values& input);
Values lrn(const LrnOptions& options, const Shape& shape, const Values& input);
Values softmax(const Shape& shape, const Values& input);
/// The mean over all positions, -log of the label's softmax.
double softmax_loss(const Shape& shape, const Values& input, const std::vector<int>& labels);
Values batch_norm(double epsilon, const Shape& shape, const Values& input, const Values& scale, const Values& shift);
Values eltwise(const EltwiseOptions& options, const std::vector<Values>& inputs);

}  // namespace poseidon::test
