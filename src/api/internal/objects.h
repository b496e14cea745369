// Reading and writing objects: what the routes of collections share.
#pragma once

#include <functional>
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

/// The outcome of a write: what is stored now and the commit that holds it.
struct Written {
  Target target;
  store::Cursor cursor;
  std::string secret = {};  // of an object that is gone; see shown_secrets.h
};

/// Turns the object as shown into the wanted one, within a budget of kPatchSteps at most. May run several
/// times: other writers may come first, and what takes longer is done again on another thread.
using Edit = std::function<Result<json::value>(const json::object& shown, model::Budget& budget)>;
/// What a patched object may be: no larger than one that comes in one body.
model::PatchLimits patch_limits(const Call& call);

/// Says of an object that may be created that there is none to create after all.
using Unless = std::function<bool(const json::object& object)>;
/// Creates an own object; a target without a key: `unless` said that there is none to create.
env::Task<Result<Written>> create_local(Call& call, json::value wanted, Unless unless = nullptr);
/// Changes the local object of `call.target.key` by `edit`, optimistically; an overwritable layered object
/// gets an override. `action` is the event's: "update" or "save".
env::Task<Result<Written>> update_local(Call& call, Edit edit, std::string action);
env::Task<Result<Written>> remove_local(Call& call);

/// The own object that a write is about as the writable layer will take it over: an override starts without
/// the marks of its layer. Errors: the layer is read-only.
Result<json::object> base_of(const Call& call, const Target& target);

/// A precondition: nothing of a layer lies below the own object.
store::Guard no_layer_below(const model::ObjectType& type, const std::string& key);

/// Text of a member of a stored body, unescaped; "" when it is no text.
std::string text_in(std::string_view body, std::string_view field);
/// Parses a body; the error names the collection.
Result<json::value> parse_body(const Call& call);

/// 16 characters of URL-safe base64, as token secrets have.
std::string random_secret();

}  // namespace mullion::api
