// Who this server is: ids kept in the base root.
#pragma once

#include <string>

#include "base/result.h"
#include "env/file.h"
#include "settings/settings.h"

namespace mullion::server {

struct ServerIds {
  std::string drp_id;
  std::string ha_id;  // the drp-id when no cluster id is set
};

/// The drp-id of the setting, else the one kept in the base root, else a new one that is kept there.
Result<ServerIds> load_ids(const env::Path& base_root, const settings::Settings& settings);

}  // namespace mullion::server
