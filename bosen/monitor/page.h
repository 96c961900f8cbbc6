#pragma once

#include <string_view>

namespace bosen::monitor {

/// The live page: page.html, which needs nothing but /api/status.
std::string_view live_page();

}  // namespace bosen::monitor
