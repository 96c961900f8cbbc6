#pragma once

// One job at a time writes to a folder. POSIX stays behind this header.

#include <string>

namespace bosen {

/// Holds a folder for as long as it lives, and no longer than its process lives, however that ends: a lock of the
/// system's on the file `.lock` in it, which stays behind and means nothing by itself. Where the file system has no
/// locks, or the file can't be written, nobody is held off. One thread.
class FolderLock {
 public:
  /// Of a folder that is there. Does not wait for another holder.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// Throws Error(kUsage) where another one held the folder when this one was made; `mend` says how to name another.
  void expect_no_other(const std::string& mend) const;

 private:
  const std::string folder_;
  int file_ = -1;
  bool has_other_ = false;
  std::string other_;  ///< what it wrote about itself
};

}  // namespace bosen
