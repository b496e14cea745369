// What identifies this computer to `whoami`.
#pragma once

#include <boost/json/value.hpp>
#include <filesystem>

namespace mullion::cli {

/// MachineFingerprint of the computer whose /sys is at `sys`: what cannot be read stays empty.
boost::json::value local_fingerprint(const std::filesystem::path& sys = "/sys");
/// The body of POST /whoami: fingerprint, addresses of the network cards, and the id that an agent left on
/// disk.
boost::json::value local_whoami(const std::filesystem::path& sys = "/sys",
                                const std::filesystem::path& id_file = "/etc/rs-uuid");

}  // namespace mullion::cli
