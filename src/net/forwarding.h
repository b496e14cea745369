// What a message keeps when it is forwarded.
#pragma once

#include "net/http.h"

namespace mullion::net {

/// `headers` without those that are for one hop only: what RFC 9110, section 7.6.1, lists, and what their own
/// `Connection` names.
Headers end_to_end(const Headers& headers);

}  // namespace mullion::net
