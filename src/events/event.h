// One event, which many readers share.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "events/event_place.h"
#include "store/types.h"

namespace mullion::events {

/// An event whose JSON is made when somebody is going to read it, once for all readers.
class Event {
 public:
  /// About change number `index` of `commit`. `endpoint` gives what the object shows as its owner.
  using EndpointName = std::function<std::string(std::string_view owner)>;
  Event(std::shared_ptr<const store::Commit> commit, size_t index, std::string_view action,
        EndpointName endpoint);
  /// Ready-made text.
  Event(std::string type, std::string action, std::string key, std::string json);
  /// The same for one reader alone, who may see it whatever its type.
  static std::shared_ptr<const Event> addressed(std::string type, std::string action, std::string key,
                                                std::string json);
  bool is_addressed() const { return addressed_; }

  const std::string& type() const { return type_; }
  const std::string& action() const { return action_; }
  const std::string& key() const { return key_; }
  /// Whose object it is about; kOwn for events that are no change of an object.
  std::string_view owner() const;
  /// The object after the change, or before its deletion; empty for events that are no change of an object.
  std::string_view body() const;
  /// The whole commit that a change was part of, null for other events.
  const store::Commit* commit() const { return commit_.get(); }
  bool deletes() const { return commit_ != nullptr && !commit_->changes[index_].body; }
  /// About how much memory it holds while it waits.
  size_t bytes() const;
  /// Thread-safe.
  std::shared_ptr<const std::string> json() const;
  /// The same with the place behind it as `Cursor`, which events that are no change of an object do not have.
  std::string json_with_place() const;

 private:
  std::string type_, action_, key_;
  std::shared_ptr<const store::Commit> commit_;
  size_t index_ = 0;
  bool addressed_ = false;
  EndpointName endpoint_;
  mutable std::once_flag made_;
  mutable std::shared_ptr<const std::string> json_;
};
using EventPtr = std::shared_ptr<const Event>;

/// The JSON of an event that is no change of an object; `object_json` is its Object.
std::string event_text(env::WallTime time, std::string_view type, std::string_view action,
                       std::string_view key, std::string_view principal, std::string_view object_json);

}  // namespace mullion::events
