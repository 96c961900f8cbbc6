#pragma once

#include <string>

#include "bosen/base/address.h"
#include "bosen/monitor/http_server.h"

namespace bosen::monitor {

/// What a server answers to GET. Blocks. Throws Error(kNetwork) where there is no answer within `timeout_s`, and
/// Error(kUsage) where that is because the host's name is not known.
HttpResponse http_get(const Address& address, const std::string& path, int timeout_s);

}  // namespace bosen::monitor
