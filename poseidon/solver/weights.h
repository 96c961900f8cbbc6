#pragma once

// The tensors of a net by name, to and from files.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "poseidon/backend.h"
#include "poseidon/layer.h"
#include "poseidon/solver/tensor_file.h"

namespace poseidon {

struct NamedTensor {
  std::string name;
  Tensor* tensor = nullptr;
};

/// "LAYER.NAME" of every parameter, statistics included, in the net's order.
[[nodiscard]] std::vector<NamedTensor> parameters_of(std::span<const std::unique_ptr<Layer>> layers);

/// A number that nets with the same parameters share: 16 hexadecimal digits made of all names and shapes.
[[nodiscard]] std::string fingerprint_of(std::span<const NamedTensor> tensors);

/// What write_tensor_file takes. The tensors and the backend have to outlive it.
[[nodiscard]] std::vector<TensorSource> sources_of(std::span<const NamedTensor> tensors, Backend& backend);

/// What may differ between a file and the tensors that it fills.
enum class Match {
  kExact,    ///< nothing
  kTensors,  ///< the file may have more: heads that only training has
  kCommon,   ///< tensors missing on either side; those that are in both have the same shape
};

/// Throws bosen::Error(kData) where names or shapes differ more than `match` allows.
void check_tensors(const TensorFile& file, std::span<const NamedTensor> tensors, Match match);

/// Throws bosen::Error(kData) where an element that the file has for one of the tensors is not finite: a net would
/// compute nothing else from it.
void check_finite(const TensorFile& file, std::span<const NamedTensor> tensors);

/// Fills the tensors that the file has, which have been checked; returns how many those are.
std::size_t fill_tensors(const TensorFile& file, std::span<const NamedTensor> tensors, Backend& backend);

/// Fills the tensors from the file; returns how many it had. Checks them first, and changes nothing where
/// it throws bosen::Error(kData).
std::size_t load_tensors(const TensorFile& file, std::span<const NamedTensor> tensors, Match match, Backend& backend);

}  // namespace poseidon
