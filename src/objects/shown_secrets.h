// The secret field of an object that is shown to those who may see it: stored bodies never hold it.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "objects/caller.h"
#include "objects/stored.h"

namespace mullion::objects {

/// Marks a secret that a client chose, beside it in the store. One that the server made is shown to nobody:
/// nobody needs it, and objects look alike at their owner and in replicas, which have no secrets.
inline constexpr std::string_view kChosenMark = "Chosen";

/// The secret field of a type that those see who have getSecure; "" when nobody is shown any.
std::string_view shown_secret_field(const model::ObjectType& type);
/// The stored value of that field, when a client chose it, the object is this server's own, and the caller
/// has getSecure; "" otherwise.
std::string visible_secret(const auth::Principal& principal, const Rights& rights,
                           const store::Snapshot& snapshot, const model::ObjectType& type,
                           const Target& target);
/// The body with that field set. An empty secret leaves it as it is.
std::string with_secret(const model::ObjectType& type, std::string body, const std::string& secret);
/// The same for an object as a patch sees it.
void fill_secret(const model::ObjectType& type, boost::json::object& object, const std::string& secret);

}  // namespace mullion::objects
