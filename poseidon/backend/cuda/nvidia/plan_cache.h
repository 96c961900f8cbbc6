#pragma once

// Remembers on disk which plan was the fastest for what, so that only the first run on a device has to time them. One
// file for each device and version; it holds a JSON object from keys to plans. A file that cannot be read or written is
// no error: then plans are timed again.

#include <map>
#include <optional>
#include <string>

namespace poseidon::cuda {

/// Used by one thread; several processes may share the folder: each writes whole files, and the last one wins.
class PlanCache {
 public:
  /// `device` is all that plans depend on but their keys. Remembers nothing where `folder` is empty.
  PlanCache(const std::string& folder, const std::string& device);

  [[nodiscard]] std::optional<std::string> find(const std::string& key) const;
  void add(const std::string& key, const std::string& plan);

 private:
  std::string path_;  ///< empty: none
  std::map<std::string, std::string> plans_;
};

}  // namespace poseidon::cuda
