// The limits of the rooms, from the settings.
#pragma once

#include "api/api.h"
#include "files/archive.h"
#include "files/blobs.h"
#include "net/port.h"
#include "settings/settings.h"

namespace mullion::server {

size_t thread_count(const settings::Settings& settings);
/// How many connections a port can serve where this process may have so many open files: a connection may
/// read a file, two ports may be full, and enough is left for everything else. Pure.
size_t connections_that_fit(uint64_t open_files);
net::PeerLimits peer_limits(const settings::Settings& settings, uint64_t open_files);
net::ServerLimits server_limits(const settings::Settings& settings, uint64_t open_files);
api::Limits api_limits(const settings::Settings& settings);
files::BlobLimits blob_limits(const settings::Settings& settings);
files::ExplodeLimits unpack_limits(const settings::Settings& settings);

}  // namespace mullion::server
