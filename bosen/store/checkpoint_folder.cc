#include "bosen/store/checkpoint_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "bosen/base/durable_file.h"
#include "bosen/base/error.h"

namespace bosen::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "clock-";
/// Of one that was set aside.
constexpr std::string_view kSuffix = ".left";
/// Older ones than so many nobody keeps.
constexpr std::size_t kUsableMax = 8;

std::optional<Clock> clock_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  Clock clock = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, clock);
  if (error != std::errc{} || stop != end || clock < 1) return std::nullopt;
  return clock;
}

}  // namespace

CheckpointFolder CheckpointFolder::find(const std::string& named) {
  std::error_code error;
  const auto refuse = [&](const std::string& why) -> CheckpointFolder {
    throw Error(ErrorKind::kData, fmt::format("'{}' {}: give the --output folder of a run with --checkpoint-every, or "
                                              "one of its checkpoints",
                                              named, why));
  };
  if (!fs::is_directory(named, error)) return refuse(fs::exists(named, error) ? "is no folder" : "is not there");
  const fs::path path = fs::path(named).has_filename() ? fs::path(named) : fs::path(named).parent_path();
  if (const auto clock = clock_of(path)) {
    CheckpointFolder one(path.has_parent_path() ? path.parent_path().string() : ".");
    one.only_ = clock;
    return one;
  }
  for (const fs::path& candidate : {path / "checkpoints", path}) {
    CheckpointFolder folder(candidate.string());
    if (!folder.clocks().empty()) return folder;
  }
  return refuse("holds no checkpoint");
}

std::string CheckpointFolder::folder(Clock clock) const { return fmt::format("{}/{}{}", path_, kPrefix, clock); }

std::string CheckpointFolder::file(Clock clock, Rank rank) const {
  return fmt::format("{}/rank-{}", folder(clock), rank);
}

bool CheckpointFolder::has(Clock clock, Rank rank) const {
  std::error_code error;
  return fs::exists(file(clock, rank), error);
}

std::vector<Clock> CheckpointFolder::clocks() const {
  if (only_) return {*only_};
  std::vector<Clock> clocks;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, error)) {
    if (const auto clock = clock_of(entry.path())) clocks.push_back(*clock);
  }
  std::sort(clocks.begin(), clocks.end());
  return clocks;
}

std::optional<CheckpointHead> CheckpointFolder::head(Clock clock, Rank rank) const {
  try {
    BufferPool none;
    return CheckpointReader(file(clock, rank), none).head();
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<CheckpointId> CheckpointFolder::usable(Rank rank, int processes) const {
  if (only_ && has(*only_, rank)) {  // who names one shall hear what is wrong with it
    BufferPool none;
    static_cast<void>(CheckpointReader(file(*only_, rank), none).head());
  }
  std::vector<CheckpointId> usable;
  const std::vector<Clock> all = clocks();
  for (auto clock = all.rbegin(); clock != all.rend() && usable.size() < kUsableMax; ++clock) {
    const auto own = head(*clock, rank);
    const bool is_own = own && own->processes == processes;
    if (is_own) usable.push_back(own->id);
    // Its own file may be left of a larger job that got no further, where a smaller one did.
    const auto first = head(*clock, 0);
    if (first && !(is_own && first->id == own->id) && is_whole(first->id)) usable.push_back(first->id);
  }
  return usable;
}

bool CheckpointFolder::is_whole(const CheckpointId& id) const {
  const auto first = head(id.clock, 0);
  if (!first || first->id != id) return false;
  for (Rank rank = 1; rank < first->processes; ++rank) {
    const auto other = head(id.clock, rank);
    if (!other || other->id != id) return false;
  }
  return true;
}

std::uint64_t CheckpointFolder::write(const CheckpointPart& part) const {
  make_durable_folder(folder(part.head.id.clock));
  return write_checkpoint(file(part.head.id.clock, part.head.rank), part);
}

std::optional<Clock> CheckpointFolder::set_aside_after(Clock clock) const {
  std::optional<Clock> newest;
  for (const Clock other : clocks()) {
    if (other <= clock) continue;
    const std::string aside = folder(other) + std::string(kSuffix);
    std::error_code error;
    fs::remove_all(aside, error);
    fs::rename(folder(other), aside, error);
    if (error) throw Error(ErrorKind::kStorage, fmt::format("cannot rename '{}': {}", folder(other), error.message()));
    newest = other;
  }
  return newest;
}

void CheckpointFolder::tidy_up(const std::vector<Clock>& kept) const {
  std::error_code ignored;  // another process may be at it
  for (const Clock other : clocks()) {
    if (std::find(kept.begin(), kept.end(), other) == kept.end()) fs::remove_all(folder(other), ignored);
  }
  std::vector<fs::path> aside;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, ignored)) {
    if (entry.path().extension() == kSuffix && clock_of(entry.path().stem())) aside.push_back(entry.path());
  }
  for (const fs::path& folder : aside) fs::remove_all(folder, ignored);
}

// The folder of a later clock stays where it is empty: another process may have made it just now.
void CheckpointFolder::tidy_up(const std::vector<Clock>& kept, Rank rank) const {
  for (const Clock other : clocks()) {
    if (std::find(kept.begin(), kept.end(), other) != kept.end()) continue;
    std::error_code ignored;
    fs::remove(file(other, rank), ignored);
    if (other < kept.back()) fs::remove(folder(other), ignored);
  }
}

}  // namespace bosen::store
