#include "bosen/monitor/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace bosen::monitor {
namespace {

constexpr int kBarCells = 20;
constexpr const char* kEraseLine = "\r\x1b[K";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kPlain = "\x1b[0m";

double share_done(const ProgressState& state) {
  return std::clamp(static_cast<double>(state.clock) / static_cast<double>(state.clocks), 0.0, 1.0);
}

std::string bar(double share) {
  const auto full = static_cast<std::size_t>(share * kBarCells);
  return "[" + std::string(full, '#') + std::string(kBarCells - full, '.') + "]";
}

std::string measures_text(const ProgressState& state) {
  std::string text;
  for (const auto& [name, value] : state.measures) {
    // The sign of what is not a number is the processor's: 0/0 has one on some.
    text += fmt::format("  {} {:.4g}", name, std::isnan(value) ? std::abs(value) : value);
  }
  return text;
}

/// A line but for its times.
std::string said_by(const ProgressState& state) {
  return fmt::format("{}/{}{}", state.clock, state.clocks, measures_text(state));
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

Progress::Progress(Settings settings, std::ostream& out) : settings_(std::move(settings)), out_(out) {}

void Progress::update(double now_s, const ProgressState& state) {
  const std::lock_guard lock(mutex_);
  if (!first_clock_) {
    first_clock_ = state.clock;
    first_s_ = now_s;
  }
  if (now_s < next_s_) return;
  write(now_s, state);
  next_s_ = now_s + (settings_.style.rewrites_lines ? settings_.rewrite_every_s : settings_.line_every_s);
}

void Progress::finish(double now_s, const ProgressState& state) {
  const std::lock_guard lock(mutex_);
  if (settings_.style.rewrites_lines || said_by(state) != written_) write(now_s, state);
  if (line_open_) out_ << '\n' << std::flush;
  line_open_ = false;
}

void Progress::clear() {
  const std::lock_guard lock(mutex_);
  if (line_open_) out_ << kEraseLine << std::flush;
  line_open_ = false;
}

std::string Progress::time_left(double now_s, const ProgressState& state) const {
  if (!first_clock_ || state.clock <= *first_clock_ || state.clock >= state.clocks) return "";
  const double clock_s = (now_s - first_s_) / static_cast<double>(state.clock - *first_clock_);
  return ", " + duration_text(clock_s * static_cast<double>(state.clocks - state.clock)) + " left";
}

std::string Progress::text(double now_s, const ProgressState& state, bool with_bar) const {
  std::string text = settings_.name + ": clock " + std::to_string(state.clock);
  if (state.clocks > 0) {
    const double share = share_done(state);
    text += fmt::format("/{}", state.clocks);
    if (with_bar) text += " " + bar(share);
    text += fmt::format(" {:.0f}%", share * 100);
  }
  text += "  " + duration_text(now_s) + time_left(now_s, state);
  return text + measures_text(state);
}

void Progress::write(double now_s, const ProgressState& state) {
  written_ = said_by(state);
  if (!settings_.style.rewrites_lines) {
    out_ << text(now_s, state, false) + "\n" << std::flush;
    return;
  }
  // A line that wraps could not be rewritten.
  const auto columns = static_cast<std::size_t>(settings_.style.columns);
  std::string line = text(now_s, state, true);
  if (line.size() > columns) line = text(now_s, state, false);
  line.resize(std::min(line.size(), columns));
  if (settings_.style.colors) line.insert(std::min(settings_.name.size(), line.size()), kPlain).insert(0, kGreen);
  out_ << kEraseLine + line << std::flush;
  line_open_ = true;
}

}  // namespace bosen::monitor
