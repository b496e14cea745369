// On whose account a password is hashed.
#pragma once

#include "auth/auth.h"
#include "env/worker_pool.h"

namespace mullion::auth {

/// Before the login nothing is known but where it comes from: the address (IPv6: its /64) is the caller, the
/// network around it (/24, /48) the group that takes turns with others.
env::Caller login_caller(const Credentials& credentials);

}  // namespace mullion::auth
