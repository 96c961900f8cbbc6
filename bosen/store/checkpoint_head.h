#pragma once

#include <optional>
#include <string>

#include "bosen/store/checkpoint_file.h"

namespace bosen::store {

/// The head as JSON.
std::string encode(const CheckpointHead& head);
/// Nothing where it is no head, or one of another format.
std::optional<CheckpointHead> decode_head(const std::string& text);

}  // namespace bosen::store
