#include "poseidon/sync/host_tensors.h"

#include <utility>

namespace poseidon {

HostTensors::HostTensors(Backend& backend, std::vector<Tensor*> tensors)
    : backend_(backend), tensors_(std::move(tensors)), copies_(tensors_.size()) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    float* shared = backend.host_data(*tensors_[i]);
    if (shared == nullptr) {
      copies_[i].resize(static_cast<std::size_t>(tensors_[i]->count()));
      shared = copies_[i].data();
    }
    data_.push_back(shared);
  }
}

void HostTensors::fetch() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!copies_[i].empty()) backend_.download(*tensors_[i], copies_[i]);
  }
}

void HostTensors::put() {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!copies_[i].empty()) backend_.upload(copies_[i], *tensors_[i]);
  }
}

}  // namespace poseidon
