// Rules that only one type has and that no table can say.
#pragma once

#include "model/object.h"

namespace mullion::model::internal {

/// Adds what is wrong with `object` to `verdict`. Nothing for types without a hook.
void run_type_hook(const ObjectType& type, const json::object& object, const json::object* before,
                   const Lookup& lookup, bool force, Verdict& verdict);

/// Text of a string member, or empty.
std::string_view text_of(const json::object& object, std::string_view name);

/// Parses dotted IPv4 into its number.
bool parse_ipv4(std::string_view text, uint32_t& out);

}  // namespace mullion::model::internal
