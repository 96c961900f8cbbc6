#pragma once

// Small nets for tests: their text, their data, and what their gradients should be.

#include <cmath>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "poseidon/backend/cpu/cpu_backend.h"
#include "poseidon/net.h"

namespace poseidon {

/// Hands out one batch of random images and labels, again and again.
class FixedSource final : public BatchSource {
 public:
  FixedSource(Shape shape, std::int64_t classes, unsigned seed = 1) : shape_(std::move(shape)), classes_(classes) {
    std::mt19937 random(seed);
    std::normal_distribution<float> pixel;
    batch.images.resize(static_cast<std::size_t>(shape_.count()));
    for (float& value : batch.images) value = pixel(random);
    for (std::int64_t i = 0; i < shape_[0]; ++i) {
      batch.labels.push_back(static_cast<float>(random() % static_cast<unsigned>(classes)));
    }
  }

  [[nodiscard]] const Shape& shape() const override { return shape_; }
  [[nodiscard]] std::int64_t classes() const override { return classes_; }
  [[nodiscard]] std::int64_t examples() const override { return shape_[0]; }
  const Batch& next() override { return batch; }
  void seek(std::int64_t /*batches*/) override {}
  [[nodiscard]] double waited_s() const override { return 0; }

  Batch batch;

 private:
  Shape shape_;
  std::int64_t classes_;
};

/// A net whose first layer, in line 2, gives `data` and `label`; each of `layers` is a line.
inline NetSpec net_of(const std::vector<std::string>& layers) {
  std::string text = "layer:\n  - {name: d, type: Data, top: [data, label], data_param: {batch_size: 2}}\n";
  for (const std::string& layer : layers) text += "  - {" + layer + "}\n";
  return parse_net_spec(text, "net.yaml");
}

inline std::vector<float> values_of(Backend& backend, const Tensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.count()));
  backend.download(tensor, values);
  return values;
}

/// A derivative of the loss in some direction, by the net and by finite differences.
struct Slope {
  std::string parameter;
  double computed = 0;
  double measured = 0;
};

/// The slope of the loss along one random direction for each learned parameter. Every forward is made as the first.
inline std::vector<Slope> slopes_of(Net& net, Backend& backend, double step = 1e-3, unsigned seed = 1) {
  std::mt19937 random(seed);
  const auto loss = [&] {
    net.set_iteration(0);
    return net.forward();
  };
  loss();
  net.backward();
  std::vector<Slope> slopes;
  std::vector<std::vector<float>> gradients;
  for (const auto& layer : net.layers()) {
    for (Parameter& parameter : layer->parameters()) {
      if (!parameter.gradient.empty()) gradients.push_back(values_of(backend, parameter.gradient));
    }
  }
  for (const auto& layer : net.layers()) {
    for (Parameter& parameter : layer->parameters()) {
      if (parameter.gradient.empty()) continue;
      const std::vector<float> value = values_of(backend, parameter.value);
      const std::vector<float>& gradient = gradients[slopes.size()];
      Slope slope{.parameter = layer->name() + "." + parameter.name};
      std::vector<float> direction(value.size());
      const double length = std::sqrt(static_cast<double>(value.size()));
      for (std::size_t i = 0; i < value.size(); ++i) {
        direction[i] = static_cast<float>((random() % 2 == 0 ? 1 : -1) / length);
        slope.computed += double{gradient[i]} * double{direction[i]};
      }
      const auto loss_at = [&](double distance) {
        std::vector<float> moved = value;
        for (std::size_t i = 0; i < moved.size(); ++i) moved[i] += static_cast<float>(distance * double{direction[i]});
        backend.upload(moved, parameter.value);
        return loss();
      };
      const double ahead = loss_at(step);
      const double behind = loss_at(-step);
      slope.measured = (ahead - behind) / (2 * step);
      backend.upload(value, parameter.value);
      slopes.push_back(slope);
    }
  }
  return slopes;
}

}  // namespace poseidon
