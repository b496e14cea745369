// What an endpoint tells of itself beside its objects: as a stream's record `state`, from the public API.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mirror/internal/api.h"
#include "mirror/internal/vanishing.h"
#include "model/messages.h"

namespace mullion::mirror {

/// What became of asking for a part (mirror/reported_parts.h).
struct AskedPart {
  enum class Outcome {
    kRead,
    kRefused,  // this account may not read it, or the server has nothing of the kind
    kFailed,
  };
  std::string_view name;
  Outcome outcome = Outcome::kRead;
  Error why = {};  // not read
};

struct ReportedState {
  std::string id;  // "" when it tells none
  bool manages = false;
  Counts counts;
  /// What was not read is left out.
  model::EndpointState told;
  std::vector<AskedPart> parts;
  /// A request was not answered at all: nothing was asked after it.
  std::optional<Error> cut;
};

/// The objects that an answer to `info` counts; none where it counts none.
Counts read_counts(std::string_view info);

/// Checksums of uploads by path: "files/a", "isos/b".
using Uploads = std::map<std::string, std::string>;

/// How an endpoint is asked.
using Ask = std::function<env::Task<Result<Answer>>(client::Request request)>;

/// Asks for info, and for each part: one that cannot be read keeps no other from being read, unless nothing
/// is answered any more. An error when info cannot be read. `uploads`: what is known of them, never all.
env::Task<Result<ReportedState>> read_state(Ask ask, std::string endpoint, Uploads uploads);

/// SHA-256 of an upload as the endpoint tells it; "" when there is none.
env::Task<Result<std::string>> checksum_of(Api& api, std::string path);
/// Whether an event tells of an upload that version sets may declare.
bool is_upload(std::string_view type, std::string_view key);

/// Whether an event of this type and key tells that the reported state changed.
bool is_reported(std::string_view type, std::string_view key);

}  // namespace mullion::mirror
