// The limits of the rooms, from the settings.
#pragma once

#include "api/api.h"
#include "files/archive.h"
#include "files/blobs.h"
#include "net/port.h"
#include "settings/settings.h"

namespace mullion::server {

size_t thread_count(const settings::Settings& settings);
net::PeerLimits peer_limits(const settings::Settings& settings);
net::ServerLimits server_limits(const settings::Settings& settings);
api::Limits api_limits(const settings::Settings& settings);
files::BlobLimits blob_limits(const settings::Settings& settings);
files::ExplodeLimits unpack_limits(const settings::Settings& settings);

}  // namespace mullion::server
