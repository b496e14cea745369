#include "mirror/internal/shown.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <functional>

#include "base/json.h"
#include "base/letters.h"
#include "mirror/shown_answer.h"
#include "model/members.h"
#include "model/object.h"
#include "model/secure_params.h"
#include "replication/wire.h"

namespace mullion::mirror {
namespace {

namespace json = boost::json;
namespace ondemand = simdjson::ondemand;

/// Routes that some servers list among their collections, and what changes with every look.
constexpr std::array<std::string_view, 10> kNoCollections{
    "connections", "content_archives", "contents", "events", "files", "info", "isos",
    "logs",        "objects",          "system"};
/// What identifies an object of a type that this version does not know, in this order.
constexpr std::array<std::string_view, 5> kKeyFields{"Uuid", "Id", "ID", "Name", "Key"};
/// Members that hold secrets, whatever the type.
constexpr std::array<std::string_view, 4> kSecretFields{"Password", "PasswordHash", "Secret", "SecretHash"};

/// What the store takes. One longer key must not keep everything else from being read.
constexpr size_t kLongestKey = 480;

Error unreadable(const Collection& collection, std::string_view why) {
  return Error(ErrorCode::kCorrupt, fmt::format("its list of {} cannot be read: {}", collection.prefix, why));
}

std::string key_of(const Collection& collection, const json::object& object) {
  if (collection.type != nullptr) return model::object_key(*collection.type, object);
  for (const std::string_view field : kKeyFields) {
    std::string key = model::text_member(object, field);
    if (!key.empty()) return key;
  }
  return "";
}

/// Text without blanks between tokens, with the padding that simdjson reads behind it.
std::string minified(std::string_view text) {
  std::string out(text.size() + simdjson::SIMDJSON_PADDING, '\0');
  size_t size = 0;
  if (simdjson::minify(text.data(), text.size(), out.data(), size) != simdjson::SUCCESS) size = 0;
  out.resize(size);
  out.reserve(size + simdjson::SIMDJSON_PADDING);
  return out;
}

struct Member {
  std::string_view name, value;  // as written; the name without quotes
  std::string meant;             // the name, whatever escapes it is written with
};

std::string unescaped(std::string_view name) {
  if (name.find('\\') == std::string_view::npos) return std::string(name);
  const Result<json::value> text = parse_json(fmt::format("\"{}\"", name));
  return text && text->is_string() ? std::string(text->get_string()) : std::string(name);
}

/// The members of a JSON object without blanks. Empty when it is none.
std::vector<Member> members_of(const simdjson::padded_string& text) {
  static thread_local ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  std::vector<Member> out;
  if (parser.iterate(text).get(document) != simdjson::SUCCESS) return out;
  if (document.get_object().get(object) != simdjson::SUCCESS) return out;
  for (auto field : object) {
    ondemand::raw_json_string name;
    std::string_view value;
    if (field.key().get(name) != simdjson::SUCCESS) return {};
    const char* begin = name.raw();
    if (simdjson::to_json_string(field.value()).get(value) != simdjson::SUCCESS) return {};
    // Between the name and its value stand a quote and a colon.
    const std::string_view written(begin, static_cast<size_t>(value.data() - begin) - 2);
    out.push_back({written, value, unescaped(written)});
  }
  return out;
}

bool is_secret(const Collection& collection, std::string_view name) {
  if (std::ranges::find(kSecretFields, name) != kSecretFields.end()) return true;
  const model::Field* field = collection.type == nullptr ? nullptr : collection.type->find_field(name);
  return field != nullptr && field->secret;
}

bool is_left_out_when_empty(const Collection& collection, std::string_view name) {
  const model::Field* field = collection.type == nullptr ? nullptr : collection.type->find_field(name);
  return field != nullptr && field->omit_empty;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out += out.size() == 1 ? "\"" : ",\"";
  out += name;
  out += "\":";
  out += value;
}

/// The parameters without a password in clear: an endpoint that is a manager may hold some.
std::string without_passwords(std::string_view params) {
  const simdjson::padded_string padded(params);
  std::string out = "{";
  for (const Member& member : members_of(padded)) {
    if (member.meant == model::kEndpointPassword && !member.value.starts_with('{')) continue;
    append_member(out, member.name, member.value);
  }
  return out + "}";
}

std::string body_of(const Collection& collection, const simdjson::padded_string& text) {
  std::string out = "{";
  for (const Member& member : members_of(text)) {
    if (member.meant == "Endpoint") continue;
    const bool hidden =
        is_secret(collection, member.meant) && member.value != "\"\"" && member.value != "null";
    if (hidden && is_left_out_when_empty(collection, member.meant)) continue;
    if (member.meant == "Params" && member.value.starts_with('{'))
      append_member(out, member.name, without_passwords(member.value));
    else
      append_member(out, member.name, hidden ? "\"\"" : member.value);
  }
  return out + "}";
}

/// Calls `take` with the text of each entry until it answers an error. `text` is a list without blanks.
Result<void> each_entry(const Collection& collection, const simdjson::padded_string& text,
                        const std::function<Result<void>(std::string_view)>& take) {
  ondemand::parser parser;
  ondemand::document document;
  ondemand::array array;
  if (parser.iterate(text).get(document) != simdjson::SUCCESS) return unreadable(collection, "not JSON");
  // Servers written in Go show an empty list as null now and then.
  if (std::string_view(text) == "null") return {};
  if (document.get_array().get(array) != simdjson::SUCCESS) return unreadable(collection, "not a list");
  for (auto element : array) {
    std::string_view raw;
    if (simdjson::to_json_string(element).get(raw) != simdjson::SUCCESS)
      return unreadable(collection, "not JSON");
    if (Result<void> taken = take(raw); !taken) return taken;
  }
  const char* rest = nullptr;  // an error is the end of the text
  if (document.current_location().get(rest) == simdjson::SUCCESS)
    return unreadable(collection, "something follows the list");
  return {};
}

Result<Shown> shown(const Collection& collection, std::string_view endpoint, std::string_view compact) {
  const Result<json::value> value = parse_json(compact);
  if (!value) return unreadable(collection, value.error().text());
  if (!value->is_object()) return unreadable(collection, "an entry is not an object");
  const json::object& object = value->get_object();
  Shown out;
  out.key = key_of(collection, object);
  if (out.key.empty()) return unreadable(collection, "an object has no key");
  if (out.key.size() > kLongestKey) return unreadable(collection, "an object has a key that is too long");
  out.owner = model::text_member(object, "Endpoint");
  if (out.owner.empty()) out.owner = endpoint;
  out.writable = !model::flag_member(object, "ReadOnly");
  if (out.writable) out.body = body_of(collection, simdjson::padded_string(compact));
  return out;
}

}  // namespace

Result<Shown> read_shown(const Collection& collection, std::string_view endpoint, std::string_view text) {
  return shown(collection, endpoint, minified(text));
}

Result<std::vector<Shown>> read_list(const Collection& collection, std::string_view endpoint,
                                     std::string_view text, size_t* unreadable) {
  std::vector<Shown> out;
  const simdjson::padded_string compact(minified(text));
  const Result<void> read = each_entry(collection, compact, [&](std::string_view entry) -> Result<void> {
    Result<Shown> one = shown(collection, endpoint, entry);
    if (one) out.push_back(std::move(*one));
    if (!one && unreadable != nullptr) ++*unreadable;
    return {};
  });
  if (!read) return read.error();
  return out;
}

Result<std::string> shown_answer(std::string_view prefix, const model::ObjectType* type,
                                 std::string_view owner, std::string_view text) {
  const Collection collection{std::string(prefix), type};
  std::string out;
  const auto show = [&](std::string_view entry) -> Result<void> {
    Result<Shown> one = shown(collection, owner, entry);
    if (!one) return one.error();
    if (!one->writable) one->body = body_of(collection, simdjson::padded_string(entry));
    if (out.size() > 1) out += ',';
    model::append_with_endpoint(out, one->body, one->owner);
    return {};
  };
  const std::string compact = minified(text);
  if (!compact.starts_with('[')) {
    if (Result<void> done = show(compact); !done) return done.error();
    return out;
  }
  out = "[";
  const Result<void> read = each_entry(collection, simdjson::padded_string(compact), show);
  if (!read) return read.error();
  return out + "]";
}

std::string replica_key(const Collection& collection, std::string_view key) {
  return collection.type == nullptr ? std::string(key) : model::canonical_key(*collection.type, key);
}

bool is_mirrored(std::string_view prefix) {
  const auto is_plain = [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; };
  if (prefix.empty() || prefix.size() > 64 || !std::ranges::all_of(prefix, is_plain)) return false;
  return std::ranges::find(kNoCollections, prefix) == kNoCollections.end() &&
         replication::is_replicated(prefix);
}

}  // namespace mullion::mirror
