#pragma once

// What one worker did when, layer by layer, for Chrome's trace viewer (chrome://tracing, ui.perfetto.dev). Used by its
// worker's thread; written by one thread after all workers have ended.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace poseidon {

class Timeline {
 public:
  enum class Activity : std::uint8_t {
    kForward,
    kBackward,
    kSend,
    kWait,
    kCombine,
    kUpdate,
    kData,
    kCopy,
    kReduce,
    kBroadcast
  };
  /// Who does it: the worker's thread, or a device that works beside it.
  enum class Track : std::uint8_t { kHost, kDevice, kToHost, kToDevice };

  struct Event {
    Activity activity = Activity::kForward;
    int layer = -1;  ///< -1: of no layer
    std::int64_t iteration = 0;
    std::int64_t begin_ns = 0;  ///< of the host's steady clock
    std::int64_t end_ns = 0;
    Track track = Track::kHost;
    std::int64_t bytes = 0;  ///< of what was copied, added up or broadcast
  };

  Timeline(int worker, std::vector<std::string> layers) : worker_(worker), layers_(std::move(layers)) {}

  [[nodiscard]] static std::int64_t now_ns();
  /// Drops what comes after kEventsMax events, so that a long run does not fill the memory.
  void add(const Event& event);

  [[nodiscard]] int worker() const { return worker_; }
  [[nodiscard]] const std::vector<std::string>& layers() const { return layers_; }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// The iteration from which on events have been dropped; nothing where none has been.
  [[nodiscard]] std::optional<std::int64_t> full_in() const { return full_in_; }

  static constexpr std::size_t kEventsMax = 2'000'000;

 private:
  int worker_;
  std::vector<std::string> layers_;
  std::vector<Event> events_;
  std::optional<std::int64_t> full_in_;
};

std::string_view name_of(Timeline::Activity activity);
std::string_view name_of(Timeline::Track track);

/// Writes the timelines of one process in the Trace Event Format (JSON; times in microseconds). Throws
/// bosen::Error(kStorage).
void write_chrome_trace(const std::string& path, int rank, std::span<const Timeline> timelines);

}  // namespace poseidon
