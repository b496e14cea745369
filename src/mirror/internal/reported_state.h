// What an endpoint tells of itself beside its objects: as a stream's record `state`, from the public API.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "mirror/internal/api.h"
#include "mirror/internal/vanishing.h"
#include "model/messages.h"

namespace mullion::mirror {

struct ReportedState {
  std::string id;  // "" when it tells none
  bool manages = false;
  Counts counts;
  /// What this account may not read is left out.
  model::EndpointState told;
};

/// The objects that an answer to `info` counts; none where it counts none.
Counts read_counts(std::string_view info);

/// Checksums of uploads by path: "files/a", "isos/b".
using Uploads = std::map<std::string, std::string>;

/// Asks for info, packs, providers, preferences and global parameters. An error when info cannot be read.
/// `uploads`: what is known of them, never all.
env::Task<Result<ReportedState>> read_state(Api& api, std::string endpoint, Uploads uploads);

/// SHA-256 of an upload as the endpoint tells it; "" when there is none.
env::Task<Result<std::string>> checksum_of(Api& api, std::string path);
/// Whether an event tells of an upload that version sets may declare.
bool is_upload(std::string_view type, std::string_view key);

/// Whether an event of this type and key tells that the reported state changed.
bool is_reported(std::string_view type, std::string_view key);

}  // namespace mullion::mirror
