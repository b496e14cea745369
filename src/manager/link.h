// How this manager speaks with one endpoint.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "env/runtime.h"
#include "manager/endpoint_object.h"
#include "net/link.h"

namespace mullion::manager {

using net::Link;

/// Makes a link; says nothing yet. kInvalid: there is no such file of authorities.
using Dial = std::function<Result<std::shared_ptr<Link>>(const Connection&)>;

/// Links to the addresses of Endpoint objects, over connections from here. `runtime` outlives them.
Dial dial_out(env::Runtime& runtime);

}  // namespace mullion::manager
