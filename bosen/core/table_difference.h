#pragma once

#include <string>

#include "bosen/wire/messages.h"

namespace bosen::core {

/// How two specifications of a table differ, by the first option that does: the option and its value in each.
struct TableDifference {
  std::string ours;    ///< "staleness 5"; empty where they are alike
  std::string theirs;  ///< "staleness 4"
};

TableDifference difference(const wire::TableSpec& ours, const wire::TableSpec& theirs);

}  // namespace bosen::core
