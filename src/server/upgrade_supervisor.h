// The time between two programs: the old one, as a process that serves nothing, watches the new one come up.
//
// The server's own process becomes the supervisor (a copy of the old program), which has the new program run
// on the base root as its child. When that serves, it is put in place, stopped, and becomes this process;
// when it does not, the old program becomes this process again. So the process number never changes, and
// whoever watches or stops the server by it - systemd, a container - sees one process.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "env/self.h"

namespace mullion::server {

/// Set in the environment of the new program while it has to show that it serves.
inline constexpr const char* kTrialVariable = "MULLION_UPGRADE_TRIAL";
/// A token for GET /info, for the supervisor only.
inline constexpr const char* kTokenVariable = "MULLION_UPGRADE_TOKEN";
/// How `main` is told what to be.
inline constexpr std::string_view kSuperviseWord = "__supervise_upgrade";
inline constexpr std::string_view kSelfCheckWord = "__self_check";

/// `server` (this process as it was started) becomes the supervisor of the upgrade that is pending in
/// `base_root`. Returns only when that cannot be: then the old program goes on.
Error hand_over(const env::ProcessImage& server, const env::Path& base_root, const std::string& token);

/// `mullion __supervise_upgrade BASE_ROOT PROGRAM NAME ARGUMENTS...`: PROGRAM is the server's file, NAME and
/// ARGUMENTS are what it was called with. Whatever goes wrong, a server runs in the end, unless it was asked
/// to stop.
int supervise_upgrade(const std::vector<std::string>& arguments);

/// `mullion __self_check ARGUMENTS...`: says what this program is, and whether it understands these arguments
/// of a server.
int self_check(const std::vector<std::string>& arguments);

}  // namespace mullion::server
