#include "auth/internal/token.h"

#include <sodium.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "auth/internal/codec.h"
#include "base/base64.h"
#include "base/json.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::auth {

namespace {

namespace json = boost::json;
constexpr size_t kMaxToken = 16 * 1024;

std::string keyed_hash(std::string_view key, std::string_view text) {
  ensure_sodium();
  if (key.size() != crypto_auth_KEYBYTES) return {};
  std::string out(crypto_auth_BYTES, '\0');
  crypto_auth(reinterpret_cast<unsigned char*>(out.data()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(),
              reinterpret_cast<const unsigned char*>(key.data()));
  return out;
}

json::object to_json(const TokenContent& content) {
  json::object object{{"v", 1}, {"i", content.issued}, {"e", content.expires}, {"b", content.binding}};
  if (!content.user.empty()) object["u"] = content.user;
  if (!content.machine.empty()) object["m"] = content.machine;
  object["g"] = content.grantor;
  if (content.roles) {
    json::array roles;
    for (const std::string& role : *content.roles) roles.emplace_back(role);
    object["r"] = std::move(roles);
  }
  if (content.restriction) {
    object["c"] =
        json::array{content.restriction->scope, content.restriction->action, content.restriction->specific};
  }
  return object;
}

int64_t number_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_int64() ? found->get_int64() : -1;
}

std::optional<std::vector<std::string>> strings_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (found == nullptr || !found->is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const json::value& item : found->get_array()) {
    out.emplace_back(item.is_string() ? std::string_view(item.get_string()) : std::string_view());
  }
  return out;
}

std::optional<TokenContent> from_json(const json::object& object) {
  if (number_of(object, "v") != 1) return std::nullopt;
  TokenContent content;
  content.user = model::text_member(object, "u");
  content.machine = model::text_member(object, "m");
  content.grantor = model::text_member(object, "g");
  content.issued = number_of(object, "i");
  content.expires = number_of(object, "e");
  content.binding = model::text_member(object, "b");
  content.roles = strings_of(object, "r");
  if (const auto parts = strings_of(object, "c"); parts && parts->size() == 3) {
    content.restriction = Claim{(*parts)[0], (*parts)[1], (*parts)[2]};
  }
  const bool one_subject = content.user.empty() != content.machine.empty();
  if (!one_subject || content.issued < 0 || content.expires < 0) return std::nullopt;
  return content;
}

}  // namespace

std::string sign_token(const TokenContent& content, std::string_view key) {
  const std::string body = base64url_encode(json::serialize(to_json(content)));
  return body + "." + base64url_encode(keyed_hash(key, body));
}

std::optional<TokenContent> verify_token(std::string_view token, std::string_view key) {
  const size_t dot = token.find('.');
  if (dot == std::string_view::npos || token.size() > kMaxToken) return std::nullopt;
  const std::string_view body = token.substr(0, dot);
  const auto signature = base64url_decode(token.substr(dot + 1));
  const std::string expected = keyed_hash(key, body);
  if (!signature || expected.empty() || !equal_constant_time(*signature, expected)) return std::nullopt;
  const auto text = base64url_decode(body);
  if (!text) return std::nullopt;
  const auto parsed = parse_json(*text, 8);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return from_json(parsed->get_object());
}

std::string token_binding(std::string_view key, const std::vector<std::string>& secrets) {
  std::string text = "mullion token binding";
  for (const std::string& secret : secrets) {
    text += '\0';
    text += std::to_string(secret.size());  // lengths, so that no two lists read the same
    text += ':';
    text += secret;
  }
  return base64url_encode(keyed_hash(key, text));
}

}  // namespace mullion::auth
