#include "api/internal/forwarded_references.h"

#include <boost/json.hpp>

#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/owner_asks.h"
#include "base/json.h"
#include "base/text.h"
#include "model/members.h"
#include "model/object.h"
#include "objects/references.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

/// A member that takes a right to objects of a collection from whoever writes it: mostly because it refers
/// to them.
struct Member {
  std::string_view target, field;
  std::string_view action = "get";
};

std::vector<Member> members_of(const model::ObjectType& type) {
  std::vector<Member> members;
  for (const objects::Reference& reference : objects::references()) {
    if (reference.referrer != type.prefix) continue;
    const bool indexed = !reference.index.empty();
    members.push_back(
        {reference.target, indexed ? type.find_index(reference.index)->path : reference.member});
  }
  if (type.prefix == "jobs") members.push_back({"machines", "Machine"});
  // Among them is where a stored password is sent.
  if (type.prefix == "endpoints") members.push_back({"endpoints", "Params", "getSecure"});
  return members;
}

bool says_nothing(const json::value& value) {
  return value.is_null() || (value.is_string() && value.get_string().empty()) ||
         (value.is_array() && value.get_array().empty());
}

/// Whether `word` may be read as `name` at the owner. Servers written in Go take names of members in any
/// case, that of letters outside of ASCII included.
bool may_mean(std::string_view word, std::string_view name) {
  const auto beyond_ascii = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  return equal_ignoring_case(word, name) || std::ranges::any_of(word, beyond_ascii);
}

/// Whether a member of the object may be read as `name` beside those that are called so.
bool has_twin(const json::object& object, std::string_view name) {
  return std::ranges::any_of(
      object, [name](const auto& member) { return member.key() != name && may_mean(member.key(), name); });
}

/// The member of the object that a JSON pointer leads into; empty: the whole object.
std::string_view first_part(std::string_view pointer) {
  if (pointer.starts_with('/')) pointer.remove_prefix(1);
  return pointer.substr(0, pointer.find('/'));
}

bool operation_writes(const json::value& operation, std::string_view field) {
  if (!operation.is_object()) return true;  // the owner refuses it
  const json::object& words = operation.get_object();
  if (has_twin(words, "op") || has_twin(words, "path")) return true;
  const std::string word = model::text_member(words, "op");
  if (word == "test" || word == "remove") return false;
  const std::string path = model::text_member(words, "path");
  const std::string_view part = first_part(path);
  // Names of members need no escapes: one that has some is looked at by nobody here.
  return part.empty() || may_mean(part, field) || part.find('~') != std::string_view::npos;
}

bool writes(const json::value& body, std::string_view field) {
  if (body.is_array()) {
    return std::ranges::any_of(body.get_array(),
                               [field](const json::value& item) { return operation_writes(item, field); });
  }
  if (!body.is_object()) return true;
  return std::ranges::any_of(body.get_object(), [field](const auto& member) {
    return may_mean(member.key(), field) && !says_nothing(member.value());
  });
}

Result<void> check_members(const Call& call, const std::vector<Member>& members, const std::string& text) {
  const Result<json::value> body = parse_json(text, call.services.limits.json_depth);
  if (!body) return body.error();
  for (const Member& member : members) {
    if (!writes(*body, member.field)) continue;
    return Error(ErrorCode::kForbidden, "AUTH", "", "",
                 {fmt::format("Cannot access {}", call.uri),
                  fmt::format("Requires: {} {} *, for {} of an object elsewhere", member.target,
                              member.action, member.field)});
  }
  return {};
}

bool writes_object(const Call& call) {
  const HandlerFunction handler = call.route == nullptr ? nullptr : call.route->handler;
  return handler == &handlers::create_object || handler == &handlers::replace_object ||
         handler == &handlers::patch_object || handler == &handlers::start_machine ||
         handler == &handlers::create_job;
}

}  // namespace

env::Task<Result<void>> check_forwarded_references(Call& call, net::BodySourcePtr& replayed) {
  if (!writes_object(call)) co_return Result<void>{};
  std::vector<Member> members = members_of(*call.type);
  std::erase_if(members, [&call](const Member& member) {
    return may_all(call.principal, member.target, member.action);
  });
  if (members.empty()) co_return Result<void>{};
  Result<std::string> text = co_await read_held_body(call, call.services.limits.body_bytes);
  if (!text) co_return text.error();
  Result<void> fine;
  if (text->size() > LargeWork::kLarge) {
    fine = co_await heavy(call, env::Pool::kProcessor, [&] { return check_members(call, members, *text); });
  } else {
    fine = check_members(call, members, *text);
  }
  if (!fine) co_return fine.error();
  replayed = net::body_from_string(std::move(*text));
  call.request.body = replayed.get();
  co_return Result<void>{};
}

}  // namespace mullion::api
