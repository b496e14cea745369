// The limits of the rooms, from the settings.
#pragma once

#include "api/api.h"
#include "content/archive.h"
#include "content/content.h"
#include "net/port.h"
#include "settings/settings.h"

namespace mullion::server {

size_t thread_count(const settings::Settings& settings);
net::PeerLimits peer_limits(const settings::Settings& settings);
net::ServerLimits server_limits(const settings::Settings& settings);
api::Limits api_limits(const settings::Settings& settings);
content::BlobLimits blob_limits(const settings::Settings& settings);
content::ExplodeLimits unpack_limits(const settings::Settings& settings);

}  // namespace mullion::server
