#pragma once

// Turns what CUDA's libraries return into bosen::Error(kDevice): what was asked for, and what they say.

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

namespace poseidon::cuda {

/// `what` completes "cuda: cannot ...".
void check(cudaError_t status, const char* what);
void check(cublasStatus_t status, const char* what);
void check(cudnnStatus_t status, const char* what);

}  // namespace poseidon::cuda
