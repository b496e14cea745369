// One look at a view: with the rights of now, and on the account of who watches.
#pragma once

#include "api/internal/call.h"
#include "api/internal/live_rights.h"
#include "api/internal/view_watches.h"
#include "env/pools.h"

namespace mullion::api {

/// For ViewWatches of one reader. `services` must outlive it.
LookAtView make_view_look(Services& services, LiveRights rights, env::Caller caller);

}  // namespace mullion::api
