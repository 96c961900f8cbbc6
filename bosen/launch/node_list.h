#pragma once

// Slurm's compact lists of nodes and of counts.

#include <string>
#include <string_view>
#include <vector>

namespace bosen::launch {

/// The nodes of a Slurm list, in its order: "gnode[08-10,20],login" is gnode08, gnode09, gnode10, gnode20, login.
/// Several brackets in one name multiply, the last one fastest. Throws Error(kConfiguration) for a malformed list or
/// one of more than kMaxNodes.
std::vector<std::string> expand_node_list(std::string_view list);

/// The counts of a Slurm list: "2(x3),1" is 2, 2, 2, 1. Throws Error(kConfiguration) for a malformed list.
std::vector<int> expand_counts(std::string_view list);

}  // namespace bosen::launch
