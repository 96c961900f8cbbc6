#include "poseidon/solver/parameter_updater.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace poseidon {

ParameterUpdater::ParameterUpdater(std::span<const std::unique_ptr<Layer>> layers, Backend& backend, Options options)
    : backend_(backend), options_(std::move(options)) {
  std::size_t parameters = 0;
  for (const std::unique_ptr<Layer>& layer : layers) {
    LearnedLayer learned;
    learned.name = layer->name();
    learned.first = parameters;
    for (Parameter& parameter : layer->parameters()) {
      if (parameter.gradient.empty()) continue;
      Learned& added = learned.parameters.emplace_back();
      added.parameter = &parameter;
      const auto like = [&] { return backend.make(TensorDescription::row_major(parameter.shape)); };
      for (int k = 0; k < history_count(options_.rule.kind); ++k) added.history.push_back(like());
      if (options_.iter_size > 1) added.sum = like();
    }
    parameters += learned.parameters.size();
    if (!learned.parameters.empty()) ++learned_layers_;
    layers_.push_back(std::move(learned));
  }
}

TrainingPlace ParameterUpdater::place(const std::string& layer) const {
  return {.worker = options_.worker, .clock = iteration_, .layer = layer};
}

void ParameterUpdater::warn(const std::string& text) const {
  if (options_.warn) options_.warn(text);
}

void ParameterUpdater::accumulate() {
  for (LearnedLayer& layer : layers_) {
    for (Learned& learned : layer.parameters) backend_.add_scaled(1, learned.parameter->gradient, learned.sum);
  }
}

std::unique_ptr<SquareSumsOperation> ParameterUpdater::sums_of(std::span<const LearnedLayer> layers) {
  std::vector<const Tensor*> gradients;
  for (const LearnedLayer& layer : layers) {
    for (const Learned& learned : layer.parameters) gradients.push_back(&learned.parameter->gradient);
  }
  return backend_.sums_of_squares(std::move(gradients));
}

void ParameterUpdater::begin_sums(std::span<const int> layers) {
  const bool all = layers.size() == learned_layers_;
  if (all && !all_sums_) all_sums_ = sums_of(layers_);
  if (all) all_sums_->begin();
  for (const int layer : layers) {
    LearnedLayer& learned_layer = layer_at(layer);
    learned_layer.summed_with_all = all;
    if (all) continue;
    if (!learned_layer.sums) learned_layer.sums = sums_of(std::span(&learned_layer, 1));
    learned_layer.sums->begin();
  }
}

SquareSumsOperation& ParameterUpdater::sums_begun(const LearnedLayer& layer) {
  return layer.summed_with_all ? *all_sums_ : *layer.sums;
}

std::span<const double> ParameterUpdater::await_sums(const LearnedLayer& layer) {
  const std::span<const double> sums = sums_begun(layer).await();
  return layer.summed_with_all ? sums.subspan(layer.first, layer.parameters.size()) : sums;
}

void ParameterUpdater::gradients_ready(std::span<const int> layers) {
  for (const int layer : layers) {
    if (options_.iter_size == 1) break;
    for (Learned& learned : layer_at(layer).parameters) {
      backend_.add_scaled(1, learned.sum, learned.parameter->gradient);
      backend_.fill(learned.sum, 0);
    }
  }
  begin_sums(layers);
  for (const int layer : layers) layer_at(layer).unchecked = true;
  // From the loss down, as what is not finite spreads.
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (sums_begun(layer_at(*layer)).is_done()) check(*layer);
  }
}

void ParameterUpdater::check(int layer) {
  LearnedLayer& learned_layer = layer_at(layer);
  if (!std::exchange(learned_layer.unchecked, false)) return;
  const std::span<const double> sums = await_sums(learned_layer);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const Learned& learned = learned_layer.parameters[i];
    // The squares of large numbers may be too large for a sum where they themselves are not.
    if (std::isfinite(sums[i]) || is_finite(learned.parameter->gradient, backend_)) continue;
    refuse(learned_layer, fmt::format("the gradient of '{}' is not finite (NaN or infinite)", learned.parameter->name));
  }
}

void ParameterUpdater::check_factors(int layer, std::span<const float> factors) {
  if (!are_finite(factors)) refuse(layer_at(layer), "a factor of its gradient is not finite (NaN or infinite)");
}

void ParameterUpdater::refuse(const LearnedLayer& layer, const std::string& what) {
  if (options_.on_nonfinite == NonfinitePolicy::kStop) stop_for_nonfinite(place(layer.name), what);
  // Others learn of it as well: what is not finite stays so in every sum. Layers below mostly follow suit.
  if (warned_ == iteration_) return;
  warned_ = iteration_;
  warn(text_of(place(layer.name)) + ": " + what);
}

bool ParameterUpdater::can_check(int layer) {
  return !layer_at(layer).unchecked || sums_begun(layer_at(layer)).is_done();
}

bool ParameterUpdater::needs_all_gradients() const {
  return options_.clip_gradients > 0 || options_.on_nonfinite == NonfinitePolicy::kSkip;
}

void ParameterUpdater::prepare(std::span<const int> layers, double gradient_factor) {
  for (const int layer : layers) {
    check(layer);  // before it is changed
    for (const Learned& learned : layer_at(layer).parameters) {
      if (options_.on_nonfinite == NonfinitePolicy::kClip) zero_nonfinite(learned.parameter->gradient, backend_);
    }
  }
  begin_sums(layers);
  double sum = 0;
  bool finite = true;
  for (const int layer : layers) {
    const std::span<const double> sums = await_sums(layer_at(layer));
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const Tensor& gradient = layer_at(layer).parameters[i].parameter->gradient;
      sum += sums[i];
      finite = finite && (std::isfinite(sums[i]) || is_finite(gradient, backend_));
    }
  }
  skip_ = !finite && options_.on_nonfinite == NonfinitePolicy::kSkip;
  if (skip_) ++skipped_;
  skipped_last_ = skip_ ? skipped_last_ + 1 : 0;
  if (!finite && options_.on_nonfinite == NonfinitePolicy::kStop) {
    stop_for_nonfinite(place(""), "the gradients' sum over all workers is not finite");
  }
  const double norm = std::sqrt(sum) * gradient_factor;
  const bool clips = options_.clip_gradients > 0 && norm > options_.clip_gradients;
  clip_factor_ = clips ? options_.clip_gradients / norm : 1;
}

void ParameterUpdater::update(std::span<const int> layers, double gradient_factor) {
  if (skip_) return;
  targets_.clear();
  for (const int layer : layers) {
    if (options_.on_nonfinite == NonfinitePolicy::kClip) check(layer);  // before it is changed
    add_targets(layer_at(layer), gradient_factor);
  }
  backend_.update(options_.rule, targets_);
}

void ParameterUpdater::add_targets(LearnedLayer& layer, double gradient_factor) {
  const double factor = gradient_factor * clip_factor_ / static_cast<double>(options_.iter_size);
  const double rate = learning_rate(options_.rate, iteration_);
  for (Learned& learned : layer.parameters) {
    Parameter& parameter = *learned.parameter;
    if (options_.on_nonfinite == NonfinitePolicy::kClip && !is_finite(parameter.gradient, backend_)) {
      zero_nonfinite(parameter.gradient, backend_);
    }
    targets_.push_back({.value = &parameter.value,
                        .gradient = &parameter.gradient,
                        .history = learned.history,
                        .step = {.rate = rate * parameter.rate_factor,
                                 .decay = options_.weight_decay * parameter.decay_factor,
                                 .gradient_factor = factor,
                                 .iteration = iteration_}});
  }
}

void ParameterUpdater::end_iteration() {
  ++iteration_;
  skip_ = false;
  clip_factor_ = 1;
}

std::vector<NamedTensor> ParameterUpdater::history() {
  std::vector<NamedTensor> tensors;
  for (LearnedLayer& layer : layers_) {
    for (Learned& learned : layer.parameters) {
      for (std::size_t k = 0; k < learned.history.size(); ++k) {
        tensors.push_back(
            {fmt::format("{}.{}.history{}", layer.name, learned.parameter->name, k), &learned.history[k]});
      }
    }
  }
  return tensors;
}

}  // namespace poseidon
