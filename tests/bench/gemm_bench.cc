// The products of fully connected layers by oneDNN's sgemm and by OpenBLAS's, on one thread and on two: which the CPU
// backend should call.

#include <benchmark/benchmark.h>
#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

namespace {

/// c (m x n) = op(a) * op(b), row-major.
struct Product {
  std::string name;
  bool turn_a = false, turn_b = false;
  std::int64_t m = 0, n = 0, k = 0;
};

using Multiply = void (*)(const Product&, const float* a, const float* b, float* c);

void by_onednn(const Product& p, const float* a, const float* b, float* c) {
  dnnl::sgemm(p.turn_a ? 'T' : 'N', p.turn_b ? 'T' : 'N', p.m, p.n, p.k, 1.0F, a, p.turn_a ? p.m : p.k, b,
              p.turn_b ? p.k : p.n, 0.0F, c, p.n);
}

void by_openblas(const Product& p, const float* a, const float* b, float* c) {
  const auto number = [](std::int64_t value) { return static_cast<blasint>(value); };
  cblas_sgemm(CblasRowMajor, p.turn_a ? CblasTrans : CblasNoTrans, p.turn_b ? CblasTrans : CblasNoTrans, number(p.m),
              number(p.n), number(p.k), 1.0F, a, number(p.turn_a ? p.m : p.k), b, number(p.turn_b ? p.k : p.n), 0.0F, c,
              number(p.n));
}

/// Each thread a part of the columns, by a product of its own.
void by_split_openblas(const Product& p, const float* a, const float* b, float* c) {
#pragma omp parallel
  {
    const std::int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    const std::int64_t part = (p.n + threads * 16 - 1) / (threads * 16) * 16;
    const std::int64_t first = std::min(p.n, thread * part), columns = std::min(p.n, first + part) - first;
    const auto number = [](std::int64_t value) { return static_cast<blasint>(value); };
    if (columns > 0) {
      cblas_sgemm(CblasRowMajor, p.turn_a ? CblasTrans : CblasNoTrans, p.turn_b ? CblasTrans : CblasNoTrans,
                  number(p.m), number(columns), number(p.k), 1.0F, a, number(p.turn_a ? p.m : p.k),
                  b + first * (p.turn_b ? p.k : 1), number(p.turn_b ? p.k : p.n), 0.0F, c + first, number(p.n));
    }
  }
}

struct Layer {
  const char* name;
  std::int64_t batch, inputs, outputs;
};

constexpr Layer kLayers[] = {{"lenet_ip1", 64, 800, 500},          {"cifar10_quick_ip1", 100, 1024, 64},
                             {"alexnet_fc6", 32, 9216, 4096},      {"alexnet_fc7", 32, 4096, 4096},
                             {"alexnet_fc7_128", 128, 4096, 4096}, {"alexnet_fc7_256", 256, 4096, 4096},
                             {"alexnet_fc8", 32, 4096, 1000}};

/// As poseidon/backend/cpu/inner_product.cc asks for them; what has a row for each example also turned over.
std::vector<Product> products_of(const Layer& layer) {
  const std::string name = layer.name;
  return {{name + "/input*weight^T", false, true, layer.batch, layer.outputs, layer.inputs},
          {name + "/weight*input^T", false, true, layer.outputs, layer.batch, layer.inputs},
          {name + "/input_gradient", false, false, layer.batch, layer.inputs, layer.outputs},
          {name + "/input_gradient^T", true, true, layer.inputs, layer.batch, layer.outputs},
          {name + "/weight_gradient", true, false, layer.outputs, layer.inputs, layer.batch}};
}

void run(benchmark::State& state, const Product& product, Multiply multiply) {
  const auto threads = static_cast<int>(state.range(0));
  omp_set_num_threads(threads);
  openblas_set_num_threads(threads);
  const auto filled = [](std::int64_t count) { return std::vector<float>(static_cast<std::size_t>(count), 0.5F); };
  const std::vector<float> a = filled(product.m * product.k), b = filled(product.k * product.n);
  std::vector<float> c = filled(product.m * product.n);
  for ([[maybe_unused]] const auto _ : state) {
    multiply(product, a.data(), b.data(), c.data());
    benchmark::ClobberMemory();
  }
  const double flops = 2.0 * static_cast<double>(product.m * product.n) * static_cast<double>(product.k);
  state.counters["Gflop/s"] =
      benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

struct Library {
  const char* name;
  Multiply multiply;
};

constexpr Library kLibraries[] = {
    {"oneDNN", by_onednn}, {"OpenBLAS", by_openblas}, {"OpenBLAS_split", by_split_openblas}};

const bool registered = [] {
  for (const Layer& layer : kLayers) {
    for (const Product& product : products_of(layer)) {
      for (const auto& [library, multiply] : kLibraries) {
        benchmark::RegisterBenchmark((product.name + "/" + library).c_str(), run, product, multiply)
            ->ArgName("threads")
            ->Arg(1)
            ->Arg(2)
            ->UseRealTime();
      }
    }
  }
  return true;
}();

}  // namespace
