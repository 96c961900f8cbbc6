#include "bosen/launch/output_mux.h"

#include <fmt/format.h>

#include "bosen/launch/limits.h"

namespace bosen::launch {
namespace {

/// Colours that read well on dark and on light terminals.
constexpr std::array<int, 6> kColours = {36, 33, 32, 35, 34, 31};

}  // namespace

OutputMux::OutputMux(int size, Colour colour) : colour_(colour), unfinished_(static_cast<std::size_t>(size)) {}

std::string& OutputMux::unfinished(Rank rank, Stream stream) {
  return unfinished_.at(static_cast<std::size_t>(rank)).at(static_cast<std::size_t>(stream));
}

void OutputMux::append_line(Rank rank, Stream stream, std::string_view line, std::string& text) const {
  const bool coloured = stream == Stream::kOut ? colour_.out : colour_.err;
  if (coloured) {
    const int colour = kColours[static_cast<std::size_t>(rank) % kColours.size()];
    fmt::format_to(std::back_inserter(text), "\x1b[{}m[{}]\x1b[0m ", colour, rank);
  } else {
    fmt::format_to(std::back_inserter(text), "[{}] ", rank);
  }
  text.append(line);
  text += '\n';
}

std::string OutputMux::feed(Rank rank, Stream stream, std::string_view bytes) {
  std::string text;
  std::string& begun = unfinished(rank, stream);
  while (!bytes.empty()) {
    const std::size_t room = kMaxOutputLine - begun.size();
    const std::size_t end = bytes.substr(0, room).find('\n');
    const bool complete = end != std::string_view::npos;
    begun.append(bytes.substr(0, complete ? end : room));
    bytes.remove_prefix(complete ? end + 1 : std::min(room, bytes.size()));
    if (!complete && begun.size() < kMaxOutputLine) break;
    append_line(rank, stream, begun, text);
    begun.clear();
  }
  return text;
}

std::string OutputMux::finish(Rank rank, Stream stream) {
  std::string text;
  std::string& begun = unfinished(rank, stream);
  if (!begun.empty()) append_line(rank, stream, begun, text);
  begun.clear();
  return text;
}

}  // namespace bosen::launch
