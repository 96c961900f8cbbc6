#pragma once

// Where to compute and how exactly, as the flags --device, --precision and --plan-cache say.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "bosen/app.h"
#include "bosen/cluster.h"
#include "poseidon/backend.h"
#include "poseidon/solver/train_settings.h"

namespace poseidon {

struct DeviceChoice {
  std::string device = "cpu";
  std::string precision = "fp32";
  std::string plan_cache;

  /// The backend for a command that computes alone; `threads` are a processor's. Throws bosen::Error: kUsage where the
  /// flags make no sense, kDevice where there is no such device.
  [[nodiscard]] std::unique_ptr<Backend> make(int threads) const;
};

/// The backends of this process's workers for a training. Where no GPU is named they are dealt out by the workers'
/// numbers in the job. Where workers exchange gradients and have a GPU each, these add up among themselves; says so, or
/// why not. Throws as DeviceChoice::make.
[[nodiscard]] std::unique_ptr<BackendFactory> make_backend_factory(const DeviceChoice& choice,
                                                                   const bosen::Cluster& cluster);

/// Whether this program can compute on GPUs, and whether there are any here.
[[nodiscard]] std::string gpu_support();

/// Throws bosen::Error(kUsage) with the reason alone where the name is none of a device: cpu, cuda, cuda:N.
void check_device_name(const std::string& name);

/// Declares the flags by `add(name, target, help, rule)`.
template <class Add>
void declare_device(const Add& add, DeviceChoice& choice) {
  const auto named = [&choice](const std::string& text) {
    check_device_name(text);
    choice.device = text;
  };
  add("device", named,
      "where to compute: cpu, cuda:N for that GPU, or cuda for each worker's own: its number's, counted round",
      bosen::OptionRule{.value_name = "NAME", .default_text = "cpu"});
  add("precision", &choice.precision, "of a GPU's products: floats, tf32, or bfloat16 with float weights",
      bosen::OptionRule{.choices = {"fp32", "tf32", "bf16"}});
  add("plan-cache", &choice.plan_cache,
      "folder that keeps which ways to compute are the fastest on a GPU, for later runs",
      bosen::OptionRule{.value_name = "DIR"});
}

}  // namespace poseidon
