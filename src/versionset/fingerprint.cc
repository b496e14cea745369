#include "versionset/fingerprint.h"

#include "base/digest.h"
#include "model/object.h"

namespace mullion::versionset {
namespace {

/// Enough to tell the sets of one endpoint apart; every Endpoint object carries two of them.
constexpr size_t kDigits = 16;

std::string short_hash(const json::value& value) {
  std::string text;
  model::append_json(text, value);
  return hash128(text).hex().substr(0, kDigits);
}

std::string names_hash(const std::vector<std::string>& names) {
  return short_hash(json::array(names.begin(), names.end()));
}

json::value text_or_null(const std::optional<Sourced<std::string>>& text) {
  return text ? json::value(json::string_view(text->value)) : json::value();
}

json::array json_of(const Component& component) {
  return {component.kind ? json::value(kind_name(*component.kind)) : json::value(), component.name,
          component.version, component.actual_version, component.replace_writable};
}

json::array json_of(const FileWish& file) { return {file.path, file.sha256, file.source, file.explode}; }

const json::object& json_of(const json::object& plugin) { return plugin; }

template <typename Item>
json::array list_of(const std::vector<Sourced<Item>>& items) {
  json::array out;
  for (const Sourced<Item>& item : items) out.emplace_back(json_of(item.value));
  return out;
}

template <typename Value>
json::object map_of(const std::map<std::string, Sourced<Value>>& items) {
  json::object out;
  for (const auto& [name, item] : items) out[name] = item.value;
  return out;
}

/// Values only: which set a value comes from changes nothing at the endpoint.
json::value json_of(const Wanted& wanted) {
  return json::array{wanted.apply,
                     text_or_null(wanted.drp_version),
                     text_or_null(wanted.drpux_version),
                     list_of(wanted.components),
                     list_of(wanted.plugins),
                     map_of(wanted.prefs),
                     map_of(wanted.global),
                     list_of(wanted.files)};
}

}  // namespace

std::string plan_fingerprint(const std::vector<std::string>& names, const Wanted* wanted) {
  if (names.empty()) return "";
  return names_hash(names) + "-" +
         (wanted == nullptr ? std::string(kDigits, '0') : short_hash(json_of(*wanted)));
}

bool is_fingerprint_of_names(std::string_view word, const std::vector<std::string>& names) {
  if (names.empty()) return word.empty();
  return word.substr(0, word.find('-')) == names_hash(names);
}

}  // namespace mullion::versionset
