// Waiting that ends when somebody wants the process, or a part of it, to end: std::stop_token says so.
#pragma once

#include <stop_token>

#include "env/clock.h"
#include "env/runtime.h"

namespace mullion::env {

/// Holds this thread for `length`; false, at once, when a stop is wished before that.
bool pause(const std::stop_token& stop, Duration length);

/// Ends when a stop is wished: what unless() takes. Never, when nobody can wish it.
Task<void> until_wished(std::stop_token stop);

}  // namespace mullion::env
