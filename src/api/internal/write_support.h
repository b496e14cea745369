// What creating, changing and removing objects share.
#pragma once

#include "api/internal/objects.h"

namespace mullion::api {

/// So often a write is tried again when others change the same object in between.
inline constexpr int kMostAttempts = 64;

/// Names at which writes take turns: those that do not contradict each other are done one after another
/// instead of being tried again and again. A turn is held from reading the object to its commit, never while
/// a client or a peer is waited for. What a write must have alone comes later than objects.
std::string object_turn(std::string_view type, std::string_view key);
std::string exclusive_turn(std::string_view name);
/// The tenant that an object made by this call joins; none for callers without one.
std::vector<std::string> tenant_turn(const Call& call);

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
