#pragma once

// Updaters as a shard uses them: without a template. One file for each beside this one.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bosen/base/consistency.h"
#include "bosen/base/types.h"
#include "bosen/base/updater.h"

namespace bosen::core {

/// Applies one update to a dense row of `count` elements.
class RowUpdater {
 public:
  virtual ~RowUpdater() = default;
  [[nodiscard]] virtual std::size_t state_bytes(std::size_t count) const = 0;
  virtual void apply(std::byte* values, const std::byte* update, std::byte* state, std::size_t count, std::int64_t step,
                     bool first_of_clock) = 0;
};

/// The updaters that a program knows by name, those of the app included. "add" is not among them: it needs no updater.
class UpdaterCatalog {
 public:
  UpdaterCatalog();

  /// A name that is taken throws Error(kUsage).
  void add(const std::string& name, UpdaterFactory<float> factory);
  void add(const std::string& name, UpdaterFactory<double> factory);
  void add(const std::string& name, UpdaterFactory<std::int32_t> factory);
  void add(const std::string& name, UpdaterFactory<std::int64_t> factory);

  /// Why a table of such elements can't use the updater; empty: it can.
  [[nodiscard]] std::string problem(const UpdaterOptions& options, ElementType element, RowKind kind,
                                    Consistency consistency) const;

  /// The updater for a job of so many workers; none for "add". To be called only where `problem` is empty.
  [[nodiscard]] std::unique_ptr<RowUpdater> make(const UpdaterOptions& options, ElementType element, int workers) const;

 private:
  AllUpdaterFactories factories_;
};

}  // namespace bosen::core
