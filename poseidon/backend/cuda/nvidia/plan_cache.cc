#include "poseidon/backend/cuda/nvidia/plan_cache.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

namespace poseidon::cuda {
namespace {

/// A name for a file: letters and digits of the text, others as dashes.
std::string file_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (plain || (!name.empty() && name.back() != '-')) name += plain ? c : '-';
  }
  return name;
}

}  // namespace

PlanCache::PlanCache(const std::string& folder, const std::string& device) {
  if (folder.empty()) return;
  path_ = fmt::format("{}/plans-{}.json", folder, file_name(device));
  std::ifstream file(path_);
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  for (const auto& [key, plan] : json.items()) {
    if (plan.is_string()) plans_.emplace(key, plan.get<std::string>());
  }
}

std::optional<std::string> PlanCache::find(const std::string& key) const {
  const auto found = plans_.find(key);
  if (found == plans_.end()) return std::nullopt;
  return found->second;
}

void PlanCache::add(const std::string& key, const std::string& plan) {
  plans_[key] = plan;
  if (path_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  static std::atomic<unsigned> writers{0};  // each worker of a process has its own cache
  const std::string temporary = fmt::format("{}.{}.{}", path_, ::getpid(), ++writers);
  {
    std::ofstream file(temporary);
    file << nlohmann::json(plans_).dump(1);
    if (!file.flush()) error = std::make_error_code(std::errc::io_error);
  }
  if (!error) std::filesystem::rename(temporary, path_, error);
  if (error) std::filesystem::remove(temporary, error);
}

}  // namespace poseidon::cuda
