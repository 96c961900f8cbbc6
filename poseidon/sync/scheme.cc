#include "poseidon/sync/scheme.h"

#include "bosen/error.h"

namespace poseidon {

std::string_view name_of(Scheme scheme) {
  switch (scheme) {
    case Scheme::kNone:
      return "none";
    case Scheme::kPs:
      return "ps";
    case Scheme::kSfb:
      return "sfb";
    case Scheme::kAuto:
      break;
  }
  return "auto";
}

Scheme scheme_named(const std::string& name) {
  for (const Scheme scheme : {Scheme::kPs, Scheme::kSfb, Scheme::kAuto}) {
    if (name == name_of(scheme)) return scheme;
  }
  throw bosen::Error(bosen::ErrorKind::kUsage, "must be ps, sfb or auto");
}

}  // namespace poseidon
