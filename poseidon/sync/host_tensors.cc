#include "poseidon/sync/host_tensors.h"

#include <utility>

namespace poseidon {

HostTensors::HostTensors(Backend& backend, std::vector<Tensor*> tensors)
    : backend_(backend), tensors_(std::move(tensors)), copies_(tensors_.size()) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    float* shared = backend.host_data(*tensors_[i]);
    if (shared == nullptr) {
      copies_[i] = backend.allocate_host(static_cast<std::size_t>(tensors_[i]->count()) * sizeof(float));
      shared = reinterpret_cast<float*>(copies_[i]->data());
    }
    data_.push_back(shared);
  }
}

std::span<float> HostTensors::copy(std::size_t tensor) const {
  return {data_[tensor], static_cast<std::size_t>(tensors_[tensor]->count())};
}

void HostTensors::begin_fetch() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (copies_[i]) fetched_ = backend_.begin_download(*tensors_[i], copy(i));
  }
}

bool HostTensors::is_fetched() { return backend_.is_past(fetched_); }

void HostTensors::await_fetch() { backend_.await(fetched_); }

void HostTensors::put() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (copies_[i]) backend_.follow(backend_.begin_upload(copy(i), *tensors_[i], UploadOrder::kAtOnce));
  }
}

}  // namespace poseidon
