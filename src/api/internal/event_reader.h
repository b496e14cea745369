// Who reads events: with the rights of now, not of the moment the conversation began.
#pragma once

#include "api/internal/call.h"
#include "api/internal/live_rights.h"
#include "events/event_bus.h"

namespace mullion::api {

/// One reader of events. For one coroutine at a time.
class EventReader {
 public:
  explicit EventReader(LiveRights rights) : rights_(std::move(rights)) {}

  /// Brings the rights up to date; false when the login ended and nothing more may be read.
  bool renew() { return rights_.renew().ok(); }
  bool may_see(const events::Event& event) const;
  /// The same for the text of an event that `endpoint` sent: about its own object, unless the object names
  /// another owner.
  bool may_see(std::string_view event_json, std::string_view endpoint) const;
  const std::string& name() const { return principal().name; }
  const LiveRights& rights() const { return rights_; }

 private:
  const auth::Principal& principal() const { return rights_.principal(); }
  bool covers(std::string_view type, std::string_view owner, std::string_view key,
              std::string_view body) const;

  LiveRights rights_;
};

}  // namespace mullion::api
