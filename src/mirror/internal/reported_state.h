// What an endpoint tells of itself beside its objects: as a stream's record `state`, from the public API.
#pragma once

#include <string>
#include <string_view>

#include "mirror/internal/api.h"

namespace mullion::mirror {

struct ReportedState {
  std::string id;  // "" when it tells none
  bool manages = false;
  /// JSON text as manager::StateProvider gives it. What this account may not read is left out.
  std::string json;
};

/// Asks for info, packs, providers, preferences and global parameters. An error when info cannot be read.
env::Task<Result<ReportedState>> read_state(Api& api, std::string endpoint);

/// Whether an event of this type and key tells that the reported state changed.
bool is_reported(std::string_view type, std::string_view key);

}  // namespace mullion::mirror
