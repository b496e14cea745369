// Reading and writing objects: what the routes of collections share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/internal/call.h"
#include "model/chosen_members.h"
#include "model/object.h"

namespace mullion::api {

namespace json = boost::json;
using objects::parse_stored;

/// How one object is shown: slim=, params=, fields=, decode=.
struct View {
  bool slim_meta = false;
  bool slim_params = false;
  bool decode = false;
  std::vector<std::string> params;             // empty: all
  std::optional<model::ChosenMembers> fields;  // absent: all
  bool plain() const { return !slim_meta && !slim_params && !decode && params.empty() && !fields; }
};
/// kNotAcceptable when `fields` cannot be meant.
Result<View> view_of(const Call& call);
/// A comma list without the blanks around its entries; empty ones do not count.
/// Appends the object as the client wants to see it.
/// (`view.decode`: the caller may read secure values of this object)
Result<void> append_shown(std::string& out, Services& services, const model::ObjectType& type,
                          const Target& target, const View& view);

/// What a patched object may be: no larger than one that comes in one body.
model::PatchLimits patch_limits(const Call& call);

/// Text of a member of a stored body, unescaped; "" when it is no text.
std::string text_in(std::string_view body, std::string_view field);
/// Parses a body; the error names the collection.
Result<json::value> parse_body(const Call& call);

}  // namespace mullion::api
