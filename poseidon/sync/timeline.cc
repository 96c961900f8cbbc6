#include "poseidon/sync/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "bosen/error.h"
#include "poseidon/spec/json.h"

namespace poseidon {
namespace {

constexpr double kMicrosecondNs = 1000;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

constexpr std::array kTracks{Timeline::Track::kHost, Timeline::Track::kDevice, Timeline::Track::kToHost,
                             Timeline::Track::kToDevice};

int thread_of(const Timeline& timeline, Timeline::Track track) {
  return timeline.worker() * static_cast<int>(kTracks.size()) + static_cast<int>(track);
}

/// Tracks on which something happened, the worker's own always.
bool is_used(const Timeline& timeline, Timeline::Track track) {
  return track == Timeline::Track::kHost ||
         std::any_of(timeline.events().begin(), timeline.events().end(),
                     [&](const Timeline::Event& event) { return event.track == track; });
}

void write_names(std::FILE* file, int rank, const Timeline& timeline) {
  fmt::print(file, R"({{"ph":"M","pid":{0},"name":"process_name","args":{{"name":"rank {0}"}}}})", rank);
  for (const Timeline::Track track : kTracks) {
    if (!is_used(timeline, track)) continue;
    fmt::print(file,
               ",\n"
               R"({{"ph":"M","pid":{},"tid":{},"name":"thread_name","args":{{"name":"worker {}{}"}}}})",
               rank, thread_of(timeline, track), timeline.worker(), name_of(track));
  }
}

void write_event(std::FILE* file, int rank, const Timeline& timeline, const Timeline::Event& event) {
  const std::string layer = event.layer < 0 ? "" : timeline.layers()[static_cast<std::size_t>(event.layer)];
  const std::string name = fmt::format("{}{}{}", name_of(event.activity), layer.empty() ? "" : " ", layer);
  const std::string bytes = event.bytes > 0 ? fmt::format(R"(,"bytes":{})", event.bytes) : "";
  fmt::print(
      file,
      ",\n"
      R"({{"ph":"X","pid":{},"tid":{},"name":{},"cat":"{}","ts":{:.3f},"dur":{:.3f},"args":{{"iteration":{}{}}}}})",
      rank, thread_of(timeline, event.track), quoted_json(name), name_of(event.activity),
      static_cast<double>(event.begin_ns) / kMicrosecondNs,
      static_cast<double>(event.end_ns - event.begin_ns) / kMicrosecondNs, event.iteration, bytes);
}

void write_events(std::FILE* file, int rank, std::span<const Timeline> timelines) {
  fmt::print(file, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  bool first = true;
  for (const Timeline& timeline : timelines) {
    if (!first) fmt::print(file, ",\n");
    first = false;
    write_names(file, rank, timeline);
    for (const Timeline::Event& event : timeline.events()) write_event(file, rank, timeline, event);
  }
  fmt::print(file, "\n]}}\n");
}

}  // namespace

std::int64_t Timeline::now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

void Timeline::add(const Event& event) {
  if (events_.size() < kEventsMax) {
    events_.push_back(event);
  } else if (!full_in_) {
    full_in_ = event.iteration;
  }
}

std::string_view name_of(Timeline::Activity activity) {
  switch (activity) {
    case Timeline::Activity::kForward:
      return "forward";
    case Timeline::Activity::kBackward:
      return "backward";
    case Timeline::Activity::kSend:
      return "send";
    case Timeline::Activity::kWait:
      return "wait";
    case Timeline::Activity::kCombine:
      return "combine";
    case Timeline::Activity::kUpdate:
      return "update";
    case Timeline::Activity::kCopy:
      return "copy";
    case Timeline::Activity::kReduce:
      return "reduce";
    case Timeline::Activity::kBroadcast:
      return "broadcast";
    case Timeline::Activity::kData:
      break;
  }
  return "data";
}

std::string_view name_of(Timeline::Track track) {
  switch (track) {
    case Timeline::Track::kDevice:
      return ", device";
    case Timeline::Track::kToHost:
      return ", device to host";
    case Timeline::Track::kToDevice:
      return ", host to device";
    case Timeline::Track::kHost:
      break;
  }
  return "";
}

void write_chrome_trace(const std::string& path, int rank, std::span<const Timeline> timelines) {
  const auto fail = [&] {
    throw bosen::Error(bosen::ErrorKind::kStorage, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  };
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "w"));
  if (!file) fail();
  try {
    write_events(file.get(), rank, timelines);
  } catch (const std::system_error&) {  // fmt's, which names no file
    fail();
  }
  if (std::fflush(file.get()) != 0 || std::ferror(file.get()) != 0) fail();
}

}  // namespace poseidon
