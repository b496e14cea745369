#include "packs/internal/sealing.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/json.h"
#include "model/object.h"
#include "model/secure_params.h"
#include "packs/internal/pack.h"
#include "packs/layers.h"
#include "packs/url_params.h"

namespace mullion::packs {

namespace {

namespace json = boost::json;

json::object* member_object(json::object& object, std::string_view name) {
  json::value* found = object.if_contains(name);
  return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
}

bool says_secure(const json::value* param) {
  if (param == nullptr || !param->is_object()) return false;
  const json::value* secure = param->get_object().if_contains("Secure");
  return secure != nullptr && secure->is_bool() && secure->get_bool();
}

/// Finds the values of secure parameters in a document, those that came as SecureData included.
class SecureValues {
 public:
  /// `params`: the definitions that the document brings itself, or null.
  SecureValues(const json::object* params, const Stack& stack, const store::Snapshot& snapshot)
      : params_(params), stack_(stack), snapshot_(snapshot) {}

  void find_in(std::string_view section, std::string_view key, json::object& content) {
    if (section == "catalog_items" || section == "bootenvs" || section == "version_sets") {
      for (const std::string& problem : logins_in_sources(content)) tell(section, key, problem);
    }
    const auto [map, items] = model::param_places(section);
    find_in_map(section, key, member_object(content, map));
    json::value* list = items.empty() ? nullptr : content.if_contains(items);
    if (list == nullptr || !list->is_array()) return;
    for (json::value& item : list->get_array()) {
      if (item.is_object()) find_in_map(section, key, member_object(item.get_object(), "Params"));
    }
  }

  std::vector<json::value*> places;  // in the document
  std::vector<Layers::SecureValue> values;
  std::string first_clear;  // what is secure and came in clear, for people
  std::vector<std::string> problems;

 private:
  void tell(std::string_view section, std::string_view key, std::string_view problem) {
    problems.push_back(fmt::format("{}:{}: {}", section, key, problem));
  }

  void find_in_map(std::string_view section, std::string_view key, json::object* params) {
    if (params == nullptr) return;
    for (auto& [name, value] : *params) {
      for (const std::string& problem : url_param_problems(name, value)) {
        tell(section, key, problem);
      }
      const bool sealed = model::is_sealed(value);
      if (!sealed && !is_secure(name)) continue;
      places.push_back(&value);
      values.push_back({std::string(section), std::string(key), json::serialize(value)});
      if (!sealed && first_clear.empty())
        first_clear = fmt::format("{}:{}: secure parameter {}", section, key, std::string_view(name));
    }
  }

  bool is_secure(std::string_view param) const {
    if (model::is_always_secure(param)) return true;
    if (params_ != nullptr && params_->contains(param)) return says_secure(params_->if_contains(param));
    return stored_says_secure(param);
  }

  bool stored_says_secure(std::string_view param) const {
    const ObjectName name("params", param);
    const Layer* holder = stack_.holder(name);
    const auto own = snapshot_.get_local("params", param);
    if (holder == nullptr && !own) return false;
    const auto parsed = parse_json(own ? own->body : holder->objects.at(name));
    return parsed && says_secure(&parsed.value());
  }

  const json::object* params_;
  const Stack& stack_;
  const store::Snapshot& snapshot_;
};

Result<void> seal(const SecureValues& found, const Layers::Sealer& sealer) {
  if (!found.problems.empty()) return Error(ErrorCode::kInvalid, "", "", "", found.problems);
  if (found.values.empty()) return {};
  if (!sealer && found.first_clear.empty()) return {};
  if (!sealer) return Error(ErrorCode::kInvalid, found.first_clear + " must arrive as SecureData");
  const auto sealed = sealer(found.values);
  if (!sealed) return sealed.error();
  for (size_t i = 0; i < found.places.size(); ++i) {
    auto parsed = parse_json(sealed->at(i));
    if (!parsed) return parsed.error();
    *found.places[i] = std::move(*parsed);
  }
  return {};
}

}  // namespace

bool body_holds_sealed(std::string_view body) {
  if (body.find("\"Payload\"") == std::string_view::npos) return false;  // as most
  const auto parsed = parse_json(body);
  return parsed && model::holds_sealed(*parsed);
}

Result<void> seal_secure_values(json::object& document, const Stack& stack, const store::Snapshot& snapshot,
                                const Layers::Sealer& sealer) {
  json::object* sections = member_object(document, "sections");
  if (sections == nullptr) return {};
  SecureValues found(member_object(*sections, "params"), stack, snapshot);
  for (auto& [section, items] : *sections) {
    if (!items.is_object()) continue;
    for (auto& [key, content] : items.get_object()) {
      if (content.is_object()) found.find_in(section, key, content.get_object());
    }
  }
  return seal(found, sealer);
}

namespace {

/// Canonical bodies of most objects have no values of parameters at all.
bool has_params(std::string_view body) {
  return body.find("\"Params\":{\"") != std::string_view::npos ||
         body.find("\"Global\":{\"") != std::string_view::npos;
}

json::object definitions_in(const Layer& layer) {
  json::object params;
  for (auto param = layer.objects.lower_bound(ObjectName("params", "")); param != layer.objects.end();
       ++param) {
    if (param->first.first != "params") break;
    if (auto parsed = parse_json(param->second)) params[param->first.second] = std::move(*parsed);
  }
  return params;
}

}  // namespace

bool holds_clear_values(const Layer& layer, const Stack& stack, const store::Snapshot& snapshot) {
  std::optional<json::object> params;
  for (const auto& [name, body] : layer.objects) {
    if (!has_params(body)) continue;
    auto object = parse_json(body);
    if (!object || !object->is_object()) continue;
    if (!params) params = definitions_in(layer);
    SecureValues found(&*params, stack, snapshot);
    found.find_in(name.first, name.second, object->get_object());
    if (!found.first_clear.empty()) return true;
  }
  return false;
}

}  // namespace mullion::packs
