#include "poseidon/solver/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bosen/error.h"

namespace poseidon {
namespace {

[[noreturn]] void refuse(const TensorFile& file, const std::string& reason) {
  throw bosen::Error(bosen::ErrorKind::kData, fmt::format("{}: {}", file.path(), reason));
}

constexpr std::uint64_t kFnvOffset = 14695981039346656037ULL;
constexpr std::uint64_t kFnvPrime = 1099511628211ULL;

}  // namespace

std::vector<NamedTensor> parameters_of(std::span<const std::unique_ptr<Layer>> layers) {
  std::vector<NamedTensor> tensors;
  for (const std::unique_ptr<Layer>& layer : layers) {
    for (Parameter& parameter : layer->parameters()) {
      tensors.push_back({layer->name() + "." + parameter.name, &parameter.value});
    }
  }
  return tensors;
}

std::string fingerprint_of(std::span<const NamedTensor> tensors) {
  std::uint64_t hash = kFnvOffset;
  for (const NamedTensor& tensor : tensors) {
    for (const char c : fmt::format("{} {}\n", tensor.name, tensor.tensor->shape().text())) {
      hash = (hash ^ static_cast<unsigned char>(c)) * kFnvPrime;
    }
  }
  return fmt::format("{:016x}", hash);
}

std::vector<TensorSource> sources_of(std::span<const NamedTensor> tensors, Backend& backend) {
  std::vector<TensorSource> sources;
  for (const NamedTensor& tensor : tensors) {
    const Tensor* const from = tensor.tensor;
    sources.push_back(
        {tensor.name, from->shape(), [from, &backend](std::span<float> to) { backend.download(*from, to); }});
  }
  return sources;
}

void check_tensors(const TensorFile& file, std::span<const NamedTensor> tensors, Match match) {
  std::set<std::string> known;
  for (const NamedTensor& tensor : tensors) {
    known.insert(tensor.name);
    const auto found = file.entries().find(tensor.name);
    if (found == file.entries().end()) {
      if (match == Match::kCommon) continue;
      refuse(file, fmt::format("has no tensor '{}' ({}): it belongs to another net", tensor.name,
                               tensor.tensor->shape().text()));
    }
    if (found->second.shape == tensor.tensor->shape()) continue;
    refuse(file, fmt::format("tensor '{}' is {} there and {} in this net: it belongs to another net", tensor.name,
                             found->second.shape.text(), tensor.tensor->shape().text()));
  }
  if (match != Match::kExact) return;
  for (const auto& [name, entry] : file.entries()) {
    if (!known.contains(name)) {
      refuse(file, fmt::format("has a tensor '{}', which this net has not: it belongs to another net", name));
    }
  }
}

void check_finite(const TensorFile& file, std::span<const NamedTensor> tensors) {
  std::vector<float> elements;
  for (const NamedTensor& tensor : tensors) {
    if (!file.entries().contains(tensor.name)) continue;
    elements.resize(static_cast<std::size_t>(tensor.tensor->count()));
    file.read(tensor.name, elements);
    const auto found = std::find_if(elements.begin(), elements.end(), [](float x) { return !std::isfinite(x); });
    if (found == elements.end()) continue;
    refuse(file, fmt::format("element {} of tensor '{}' is {}, which is not finite: name other weights",
                             found - elements.begin(), tensor.name, *found));
  }
}

std::size_t load_tensors(const TensorFile& file, std::span<const NamedTensor> tensors, Match match, Backend& backend) {
  check_tensors(file, tensors, match);
  check_finite(file, tensors);
  const std::size_t loaded = fill_tensors(file, tensors, backend);
  if (loaded == 0 && !tensors.empty()) refuse(file, "has no tensor of this net: name weights of the same net");
  return loaded;
}

std::size_t fill_tensors(const TensorFile& file, std::span<const NamedTensor> tensors, Backend& backend) {
  std::size_t loaded = 0;
  std::vector<float> elements;
  for (const NamedTensor& tensor : tensors) {
    if (!file.entries().contains(tensor.name)) continue;
    elements.resize(static_cast<std::size_t>(tensor.tensor->count()));
    file.read(tensor.name, elements);
    backend.upload(elements, *tensor.tensor);
    ++loaded;
  }
  return loaded;
}

}  // namespace poseidon
