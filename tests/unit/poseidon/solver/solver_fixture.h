#pragma once

// A net's layers without a net: parameters with memory, for tests of what changes and stores them.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bosen/error.h"
#include "poseidon/backend/cpu/cpu_backend.h"
#include "poseidon/layer.h"

namespace poseidon {

/// Has parameters and computes nothing.
class BareLayer final : public Layer {
 public:
  BareLayer(Backend& backend, const std::string& name, const std::vector<std::pair<std::string, Shape>>& parameters)
      : Layer(name) {
    for (const auto& [parameter_name, shape] : parameters) {
      Parameter& parameter = parameters_.emplace_back();
      parameter.name = parameter_name;
      parameter.shape = shape;
      parameter.value = backend.make(TensorDescription::row_major(shape));
      parameter.gradient = backend.make(TensorDescription::row_major(shape));
    }
  }

  std::vector<Shape> infer(std::span<const Shape> /*inputs*/) override { return {}; }
  void set_up(LayerSetup& /*setup*/) override {}
  void forward(const LayerIo& /*io*/) override {}
  void backward(const LayerIo& /*io*/) override {}
};

class SolverTest : public ::testing::Test {
 protected:
  SolverTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    layers_.push_back(std::make_unique<BareLayer>(
        backend_, "ip1", std::vector<std::pair<std::string, Shape>>{{"weight", {2, 3}}, {"bias", {2}}}));
    layers_.push_back(std::make_unique<BareLayer>(backend_, "relu", std::vector<std::pair<std::string, Shape>>{}));
    layers_.push_back(
        std::make_unique<BareLayer>(backend_, "ip2", std::vector<std::pair<std::string, Shape>>{{"weight", {1, 2}}}));
  }
  ~SolverTest() override { std::filesystem::remove_all(folder_); }

  Parameter& parameter(std::size_t layer, std::size_t number) { return layers_[layer]->parameters()[number]; }

  void set(Tensor& tensor, const std::vector<float>& values) { backend_.upload(values, tensor); }
  std::vector<float> get(const Tensor& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.count()));
    backend_.download(tensor, values);
    return values;
  }

  static std::string error_of(const std::function<void()>& action, bosen::ErrorKind kind) {
    try {
      action();
    } catch (const bosen::Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    return "no error";
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("poseidon_solver_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  CpuBackend backend_{1};
  std::vector<std::unique_ptr<Layer>> layers_;
};

}  // namespace poseidon
