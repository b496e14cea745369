// The secret field of an object for those who may see it: stored bodies never hold it.
#pragma once

#include <string>

#include "api/internal/objects.h"

namespace mullion::api {

/// Marks a secret that a client chose, beside it in the store. One that the server made is shown to nobody:
/// nobody needs it, and objects look alike at their owner and in replicas, which have no secrets.
inline constexpr std::string_view kChosenMark = "Chosen";

/// The stored value of the field that hooks name as shown_secret, when a client chose it, the object is this
/// server's own, and the caller has getSecure; "" otherwise.
std::string visible_secret(const auth::Principal& principal, const store::Snapshot& snapshot,
                           const model::ObjectType& type, const Target& target);
/// The body with that field set. An empty secret leaves it as it is.
std::string with_secret(const model::ObjectType& type, std::string body, const std::string& secret);
/// The same for an object as a patch sees it.
void fill_secret(const model::ObjectType& type, json::object& object, const std::string& secret);

}  // namespace mullion::api
