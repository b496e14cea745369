// Who reads events: with the rights of now, not of the moment the conversation began.
#pragma once

#include "api/events.h"
#include "api/internal/call.h"

namespace mullion::api {

/// One reader of events. For one coroutine at a time.
class EventReader {
 public:
  EventReader(Services& services, auth::Principal principal)
      : services_(services), principal_(std::move(principal)) {}

  /// Brings the rights up to date; false when the login ended and nothing more may be read.
  bool renew();
  bool may_see(const Event& event) const;
  /// The same for the text of another endpoint's event.
  bool may_see(std::string_view event_json) const;
  const std::string& name() const { return principal_.name; }

 private:
  bool covers(std::string_view type, std::string_view key, std::string_view body) const;

  Services& services_;
  auth::Principal principal_;
};

}  // namespace mullion::api
