#include "bosen/monitor/tensorboard_log.h"

#include <fcntl.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>

#include "bosen/base/error.h"
#include "bosen/wire/checksum.h"

namespace bosen::monitor {
namespace {

// Fields of event.proto and summary.proto.
constexpr int kEventWallTime = 1;
constexpr int kEventStep = 2;
constexpr int kEventFileVersion = 3;
constexpr int kEventSummary = 5;
constexpr int kSummaryValue = 1;
constexpr int kValueTag = 1;
constexpr int kValueSimple = 2;
// Kinds of fields on the wire.
constexpr int kVarint = 0;
constexpr int kFixed64 = 1;
constexpr int kBytes = 2;
constexpr int kFixed32 = 5;

template <class T>
void put_little_endian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  out += static_cast<char>(value);
}

void put_key(std::string& out, int field, int kind) { put_varint(out, static_cast<std::uint64_t>(field << 3 | kind)); }

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

std::string event_at(double wall_time) {
  std::string event;
  put_key(event, kEventWallTime, kFixed64);
  put_little_endian(event, std::bit_cast<std::uint64_t>(wall_time));
  return event;
}

/// Files of runs that began in the same second in one folder.
constexpr int kFilesMax = 10'000;

/// Masked, so that a checksum of bytes that hold checksums is as good as any.
std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = wire::crc32c(std::as_bytes(std::span(bytes)));
  return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

std::string record_of(const std::string& event) {
  std::string record;
  put_little_endian(record, static_cast<std::uint64_t>(event.size()));
  put_little_endian(record, masked_crc(record));
  record += event;
  put_little_endian(record, masked_crc(event));
  return record;
}

[[noreturn]] void refuse_tensorboard(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::kStorage,
              "cannot write '" + path + "': " + reason + "; name another folder with --tensorboard");
}

}  // namespace

TensorboardLog::TensorboardLog(const std::string& folder, const std::string& host, double epoch_s, LostFile lost)
    : epoch_s_(epoch_s),
      lost_(std::move(lost)),
      path_(folder + "/events.out.tfevents." + std::to_string(static_cast<std::int64_t>(epoch_s)) + "." + host) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) refuse_tensorboard(folder, error.message());
  // Two runs may begin in the same second, and all simulated ones do.
  const std::string first = path_;
  const auto try_open = [this] { return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); };
  int file = try_open();
  for (int number = 1; file < 0 && errno == EEXIST && number < kFilesMax; ++number) {
    path_ = first + '.' + std::to_string(number);
    file = try_open();
  }
  if (file < 0) refuse_tensorboard(path_, std::strerror(errno));
  file_.emplace(file);
  std::string event = event_at(epoch_s);
  put_bytes(event, kEventFileVersion, "brain.Event:2");
  const std::string reason = file_->append(record_of(event));
  if (!reason.empty()) refuse_tensorboard(path_, reason);
}

void TensorboardLog::scalars(std::int64_t step, double time_s,
                             const std::vector<std::pair<std::string, double>>& values) {
  std::string event = event_at(epoch_s_ + time_s);
  put_key(event, kEventStep, kVarint);
  put_varint(event, static_cast<std::uint64_t>(step));
  std::string summary;
  for (const auto& [tag, number] : values) {
    std::string value;
    put_bytes(value, kValueTag, tag);
    put_key(value, kValueSimple, kFixed32);
    put_little_endian(value, std::bit_cast<std::uint32_t>(static_cast<float>(number)));
    put_bytes(summary, kSummaryValue, value);
  }
  put_bytes(event, kEventSummary, summary);
  const std::string reason = file_->append(record_of(event));
  if (!reason.empty() && lost_) {
    lost_("cannot write '" + path_ + "': " + reason + "; the run goes on, TensorBoard will lack its later values");
  }
}

}  // namespace bosen::monitor
