// Isos unpacked for the boot environments that name them: installs/OS/[ARCH/]install.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"
#include "api/internal/iso_queue.h"

namespace mullion::api {

/// The isos that a boot environment names, those of its architectures before the general one. Pure.
std::vector<IsoInstall> isos_of(const boost::json::object& bootenv);

/// Whether an operating system's name can be that of a folder.
bool is_folder_name(std::string_view name);
env::Path install_folder(const env::Path& installs, const std::string& system,
                         const std::string& architecture);

/// Unpacks in the background, one after the other, for every local boot environment that names the iso. How
/// it went is told in the log and by an event isos.explode.ISO.
void unpack_iso(Services& services, const std::string& iso);
/// For every boot environment that names the iso ("": one that is here), where something else or nothing is
/// unpacked.
void unpack_missing(Services& services, std::string iso);
/// The same for these, where their isos are there.
void unpack_isos(Services& services, std::vector<IsoInstall> installs);

}  // namespace mullion::api
