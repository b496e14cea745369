// What creating, changing and removing objects share.
#pragma once

#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "objects/turns.h"

namespace mullion::api {

using objects::exclusive_turn;
using objects::kMostAttempts;
using objects::object_turn;

/// The tenant that an object made by this call joins; none for callers without one.
std::vector<std::string> tenant_turn(const Call& call);

/// Whoever makes the writes that a request asks for. The call must outlive it.
class RequestCaller {
 public:
  explicit RequestCaller(const Call& call);
  RequestCaller(const RequestCaller&) = delete;
  RequestCaller& operator=(const RequestCaller&) = delete;
  const objects::Caller& get() const { return caller_; }

 private:
  const RequestRights rights_;
  const objects::Caller caller_;
};

bool bool_member(const json::object& object, std::string_view name);
bool has_secret_fields(const model::ObjectType& type);

Error validation_error(const Call& call, const std::string& key, std::vector<std::string> messages);
/// An error of the store with the collection and key it is about.
Error commit_error(const Call& call, Error error, const std::string& key);

/// Without the members that are stored already: clients send back what they were shown.
json::object changed_secrets(const Call& call, const store::Snapshot& snapshot, const std::string& key,
                             json::object given);
/// The private values of the object after a write that gives some of them, or absent when they stay as they
/// are.
std::optional<std::string> merged_secrets(const Call& call, const store::Snapshot& snapshot,
                                          const std::string& key, const json::object& given);

/// The object, its ETag and its commit.
net::Response written_response(const Call& call, int status, const Written& written);

}  // namespace mullion::api
