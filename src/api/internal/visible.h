// Rights on one object among many: what lists, purges and counts leave out.
#pragma once

#include <string_view>

#include "api/internal/call.h"

namespace mullion::api {

/// What claims call an object: its key, unless its type is ruled by another object.
std::string rights_key(const model::ObjectType& type, std::string_view key, std::string_view body);

/// Whether the caller may do `action` to this object.
bool may(const Call& call, const model::ObjectType& type, std::string_view action, std::string_view key,
         std::string_view body);

}  // namespace mullion::api
