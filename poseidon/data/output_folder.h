#pragma once

#include <string>

namespace poseidon {

/// A folder that appears under its name only when it is complete. Until then it is NAME.partial, which goes if it never
/// is: by the destructor, or where the process was killed when the next one makes the folder. One process at a time.
class OutputFolder {
 public:
  /// Throws bosen::Error(kStorage) where `path` is there already or can't be made.
  explicit OutputFolder(const std::string& path);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Where to write.
  [[nodiscard]] const std::string& path() const { return partial_; }
  void complete();

 private:
  const std::string path_;
  const std::string partial_;
  int lock_ = -1;  ///< the folder's descriptor, locked
  bool complete_ = false;
};

}  // namespace poseidon
