// A device in the host's memory that does everything at once: what the CUDA backend is tested on where there is no GPU.
// Kernels run as loops (launch.h); convolutions and matrix products, which libraries compute on a GPU, are plain loops.

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend/cuda/device.h"

namespace poseidon::cuda {

/// As much as there is; asking for more is refused as a GPU refuses.
constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;

class Device::Impl {
 public:
  std::string description = "emulated";
  std::map<void*, std::size_t> allocations;
  std::size_t allocated_bytes = 0;
  std::vector<std::byte> scratch;
  std::array<std::uint64_t, kLanes> marks{};
};

DeviceCount count_devices() { return {.count = 1, .why_none = {}}; }

Device::Device(const DeviceOptions& options) : number_(options.number), impl_(std::make_unique<Impl>()) {
  if (number_ != 0) throw bosen::Error(bosen::ErrorKind::kDevice, fmt::format("cuda: there is no device {}", number_));
}

Device::~Device() = default;

const std::string& Device::description() const { return impl_->description; }

int Device::multiprocessors() const { return 1; }

void* Device::allocate(std::size_t bytes) {
  if (impl_->allocated_bytes + bytes > kMemoryBytes) {
    throw bosen::Error(bosen::ErrorKind::kDevice,
                       fmt::format("cuda:0: out of memory: {} bytes were asked for, {} are free", bytes,
                                   kMemoryBytes - impl_->allocated_bytes));
  }
  void* const data = std::aligned_alloc(256, (bytes + 256) / 256 * 256);
  std::memset(data, 0, bytes);
  impl_->allocations.emplace(data, bytes);
  impl_->allocated_bytes += bytes;
  return data;
}

void Device::release(void* data) noexcept {
  const auto found = impl_->allocations.find(data);
  if (found == impl_->allocations.end()) return;
  impl_->allocated_bytes -= found->second;
  impl_->allocations.erase(found);
  std::free(data);
}

void* Device::allocate_host(std::size_t bytes) { return std::malloc(bytes == 0 ? 1 : bytes); }
void Device::release_host(void* data) noexcept { std::free(data); }

void Device::copy_to_device(Lane /*lane*/, void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}
void Device::copy_to_host(Lane /*lane*/, void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}
void Device::copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
void Device::clear(void* data, std::size_t bytes) { std::memset(data, 0, bytes); }

Mark Device::mark(Lane lane) { return {lane, ++impl_->marks[static_cast<std::size_t>(lane)]}; }
bool Device::is_past(Mark /*mark*/) { return true; }
void Device::await(Mark /*mark*/) {}
void Device::follow(Lane /*lane*/, Lane /*other*/) {}
void Device::synchronize() {}

void* Device::stream() const { return nullptr; }

void* Device::scratch(std::size_t bytes) {
  if (impl_->scratch.size() < bytes) impl_->scratch.resize(bytes);
  return impl_->scratch.data();
}

}  // namespace poseidon::cuda
