#include "bosen/base/consistency.h"

#include <string>

#include "bosen/base/error.h"

namespace bosen {

std::string_view to_string(Consistency consistency) {
  switch (consistency) {
    case Consistency::kBsp:
      return "bsp";
    case Consistency::kSsp:
      return "ssp";
    case Consistency::kEssp:
      return "essp";
    case Consistency::kAsp:
      return "asp";
  }
  return "unknown";
}

Consistency parse_consistency(std::string_view name) {
  for (const Consistency model : {Consistency::kBsp, Consistency::kSsp, Consistency::kEssp, Consistency::kAsp}) {
    if (name == to_string(model)) return model;
  }
  throw Error(ErrorKind::kUsage,
              "unknown consistency model '" + std::string(name) + "': use one of bsp, ssp, essp, asp");
}

}  // namespace bosen
