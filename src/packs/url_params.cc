#include "packs/url_params.h"

#include <fmt/format.h>

#include "base/text.h"
#include "net/user_url.h"

namespace mullion::packs {
namespace {

namespace json = boost::json;

constexpr std::string_view kOwnFiles = "self://";
constexpr std::string_view kPin = "#sha256=";

std::vector<std::string> texts_of(const json::value& value) {
  std::vector<std::string> out;
  if (value.is_string()) out = split_list(value.get_string());
  if (!value.is_array()) return out;
  for (const json::value& item : value.get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

std::vector<std::string> catalog_problems(std::string_view parameter, const json::value& value) {
  std::vector<std::string> problems;
  size_t number = 0;
  for (const std::string& place : texts_of(value)) {
    ++number;
    if (place.starts_with(kOwnFiles)) continue;
    const Result<net::UserUrl> url = net::parse_user_url(place.substr(0, place.find(kPin)));
    if (!url)
      problems.push_back(fmt::format("{}: entry {}: {}", parameter, number, url.error().messages.front()));
  }
  return problems;
}

std::vector<std::string> endpoint_problems(std::string_view parameter, const json::value& value) {
  if (!value.is_string()) return {fmt::format("{}: expected a string", parameter)};
  const std::string_view text = value.get_string();
  if (text.empty()) return {};  // not said yet
  const Result<net::UserUrl> url = net::parse_user_url(text);
  if (!url) return {fmt::format("{}: {}", parameter, url.error().messages.front())};
  if (url->tls && url->bare) return {};
  return {fmt::format("{}: expected https://HOST:PORT without a path", parameter)};
}

bool names_source(std::string_view member) {
  return member == "Source" || member == "NOJQSource" || member == "IsoUrl";
}

void collect_logins(const json::object& object, std::vector<std::string>& problems);

/// As deep as documents may be nested.
void collect_logins(const json::value& value, std::vector<std::string>& problems) {
  if (const json::object* object = value.if_object()) return collect_logins(*object, problems);
  const json::array* list = value.if_array();
  if (list == nullptr) return;
  for (const json::value& item : *list) collect_logins(item, problems);
}

void collect_logins(const json::object& object, std::vector<std::string>& problems) {
  for (const auto& [name, value] : object) {
    if (names_source(name) && value.is_string() && net::holds_login(value.get_string()))
      problems.push_back(fmt::format("{}: a URL must not hold a user or password", std::string_view(name)));
    collect_logins(value, problems);
  }
}

}  // namespace

std::vector<std::string> logins_in_sources(const json::object& object) {
  std::vector<std::string> problems;
  collect_logins(object, problems);
  return problems;
}

std::vector<std::string> url_param_problems(std::string_view parameter, const json::value& value) {
  if (parameter == kEndpointUrl) return endpoint_problems(parameter, value);
  if (parameter == kCatalogUrls) return catalog_problems(parameter, value);
  return {};
}

}  // namespace mullion::packs
