#include "poseidon/backend.h"

#include <chrono>
#include <utility>

namespace poseidon {
namespace {

/// Of a device that does everything at once.
class SquareSumsAtOnce final : public SquareSumsOperation {
 public:
  SquareSumsAtOnce(Backend& backend, std::vector<const Tensor*> tensors)
      : backend_(backend), tensors_(std::move(tensors)), sums_(tensors_.size()) {}

  void begin() override {
    for (std::size_t i = 0; i < tensors_.size(); ++i) sums_[i] = backend_.sum_of_squares(*tensors_[i]);
  }
  [[nodiscard]] bool is_done() override { return true; }
  [[nodiscard]] std::span<const double> await() override { return sums_; }

 private:
  Backend& backend_;
  const std::vector<const Tensor*> tensors_;
  std::vector<double> sums_;
};

/// The same for moments.
class StopwatchAtOnce final : public Stopwatch {
 public:
  void mark() override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    marks_ns_.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  }
  [[nodiscard]] std::vector<std::int64_t> take_past_ns() override { return std::exchange(marks_ns_, {}); }
  [[nodiscard]] std::vector<std::int64_t> take_all_ns() override { return take_past_ns(); }

 private:
  std::vector<std::int64_t> marks_ns_;
};

/// Of a device that is as fast at parts as at the whole.
class AskedAgain final : public RepeatedWork {
 public:
  explicit AskedAgain(std::function<void()> ask) : ask_(std::move(ask)) {}
  void run() override { ask_(); }

 private:
  const std::function<void()> ask_;
};

}  // namespace

Shape pooled_shape(const PoolingOptions& options, const Shape& input) {
  const Window& w = options.window;
  const bool padded = w.pad_height > 0 || w.pad_width > 0;
  const auto extent = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
    const std::int64_t room = size + 2 * pad - kernel;
    if (room < 0) return std::int64_t{0};
    const std::int64_t count = (room + (options.round_up ? stride - 1 : 0)) / stride + 1;
    return padded && (count - 1) * stride >= size + pad ? count - 1 : count;
  };
  return {input[0], input[1], extent(input[2], w.kernel_height, w.stride_height, w.pad_height),
          extent(input[3], w.kernel_width, w.stride_width, w.pad_width)};
}

int history_count(UpdateRule::Kind kind) {
  switch (kind) {
    case UpdateRule::Kind::kSgd:
    case UpdateRule::Kind::kNesterov:
    case UpdateRule::Kind::kAdaGrad:
    case UpdateRule::Kind::kRmsProp:
      return 1;
    case UpdateRule::Kind::kAdaDelta:
    case UpdateRule::Kind::kAdam:
      return 2;
  }
  return 0;
}

std::unique_ptr<RepeatedWork> Backend::repeated(std::function<void()> ask) {
  return std::make_unique<AskedAgain>(std::move(ask));
}

std::shared_ptr<Memory> Backend::allocate_host(std::size_t bytes) { return allocate(bytes); }

Ticket Backend::begin_download(const Tensor& from, std::span<float> to) {
  download(from, to);
  return {};
}

Ticket Backend::begin_upload(std::span<const float> from, Tensor& to, UploadOrder /*order*/) {
  upload(from, to);
  return {};
}

void Backend::follow(Ticket /*ticket*/) {}

bool Backend::is_past(Ticket /*ticket*/) { return true; }

void Backend::await(Ticket /*ticket*/) {}

std::unique_ptr<PixelOperation> Backend::pixels(const PixelTransform& /*transform*/, const Shape& /*images*/) {
  return nullptr;
}

std::unique_ptr<Stopwatch> Backend::stopwatch() { return std::make_unique<StopwatchAtOnce>(); }

void Backend::add_running(double decay, std::span<const RunningSum> sums) {
  for (const RunningSum& running : sums) {
    add_scaled(decay - 1, *running.sum, *running.sum);
    add_scaled(running.factor, *running.value, *running.sum);
  }
}

void Backend::read_running(const Tensor& sum, const Tensor& weight, float otherwise, Tensor& mean) {
  float whole = 0;
  download(weight, {&whole, 1});
  fill(mean, whole == 0 ? otherwise : 0);
  if (whole != 0) add_scaled(1 / double{whole}, sum, mean);
}

std::unique_ptr<SquareSumsOperation> Backend::sums_of_squares(std::vector<const Tensor*> tensors) {
  return std::make_unique<SquareSumsAtOnce>(*this, std::move(tensors));
}

}  // namespace poseidon
