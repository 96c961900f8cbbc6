#include "poseidon/data/read_only_env.h"

#include <memory>
#include <string>

namespace poseidon {
namespace {

using leveldb::Slice;
using leveldb::Status;

class NoFile final : public leveldb::WritableFile {
 public:
  Status Append(const Slice& /*data*/) override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  Status Flush() override { return Status::OK(); }
  Status Sync() override { return Status::OK(); }
};

class NoLock final : public leveldb::FileLock {};

class NoLogger final : public leveldb::Logger {
 public:
  void Logv(const char* /*format*/, std::va_list /*arguments*/) override {}
};

class ReadOnlyEnv final : public leveldb::EnvWrapper {
 public:
  ReadOnlyEnv() : EnvWrapper(leveldb::Env::Default()) {}

  Status NewWritableFile(const std::string& /*path*/, leveldb::WritableFile** file) override {
    *file = std::make_unique<NoFile>().release();
    return Status::OK();
  }
  Status NewAppendableFile(const std::string& path, leveldb::WritableFile** file) override {
    return NewWritableFile(path, file);
  }
  Status NewLogger(const std::string& /*path*/, leveldb::Logger** logger) override {
    *logger = std::make_unique<NoLogger>().release();
    return Status::OK();
  }
  Status RemoveFile(const std::string& /*path*/) override { return Status::OK(); }
  Status RenameFile(const std::string& /*from*/, const std::string& /*to*/) override { return Status::OK(); }
  Status CreateDir(const std::string& /*path*/) override { return Status::OK(); }
  Status RemoveDir(const std::string& /*path*/) override { return Status::OK(); }
  Status LockFile(const std::string& /*path*/, leveldb::FileLock** lock) override {
    *lock = std::make_unique<NoLock>().release();
    return Status::OK();
  }
  Status UnlockFile(leveldb::FileLock* lock) override {
    const std::unique_ptr<leveldb::FileLock> owned(lock);
    return Status::OK();
  }
};

}  // namespace

leveldb::Env* read_only_env() {
  static ReadOnlyEnv env;  // without state of its own
  return &env;
}

}  // namespace poseidon
