#include "content/internal/layer_view.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "model/object.h"

namespace mullion::content {

namespace json = boost::json;

Error about(ErrorCode code, std::string_view method, std::string_view name, std::string message) {
  return Error(code, std::string(method), "contents", std::string(name), {std::move(message)});
}

Error with_method(Error error, std::string_view method, std::string_view name) {
  if (error.type.empty()) error.type = method;
  if (error.model.empty()) error.model = "contents";
  if (error.key.empty()) error.key = name;
  return error;
}

Error shaped(Error error, bool replace, std::string_view name) {
  if (error.type == "STORE_ERROR") {
    error.type = replace ? "PUT" : "STORE_ERROR";
    error.key = replace ? std::string(name) : "";
    return error;
  }
  return with_method(std::move(error), replace ? "PUT" : "POST", name);
}

json::object summary_of(const Layer& layer, const std::vector<std::string>& warnings) {
  json::object counts;
  for (const auto& [section, count] : layer.counts) counts[section] = count;
  json::array texts;
  for (const std::string& text : layer.warnings) texts.emplace_back(text);
  for (const std::string& text : warnings) texts.emplace_back(text);
  return {{"meta", layer.meta}, {"Counts", std::move(counts)}, {"Warnings", std::move(texts)}};
}

Result<std::string> document_of(const Layer& layer) {
  json::object sections;
  for (const auto& [object, body] : layer.objects) {
    auto parsed = model::parse_json(body);
    if (!parsed) return parsed.error();
    json::value& section = sections[object.first];
    if (!section.is_object()) section = json::object();
    section.get_object()[object.second] = std::move(*parsed);
  }
  return json::serialize(json::object{{"meta", layer.meta}, {"sections", std::move(sections)}});
}

std::string writable_document(const Layer& layer, const store::Snapshot& snapshot) {
  std::string out = "{\"meta\":" + json::serialize(layer.meta) + ",\"sections\":{";
  std::string_view section_comma;
  for (const std::string& type : snapshot.types()) {
    std::string items;
    (void)snapshot.scan_owner(type, store::kOwn, "", [&items](std::string_view key, std::string_view body) {
      items += fmt::format("{}{}:{}", items.empty() ? "" : ",", json::serialize(json::value(key)), body);
      return true;
    });
    if (items.empty()) continue;
    out += fmt::format("{}{}:{{{}}}", section_comma, json::serialize(json::value(type)), items);
    section_comma = ",";
  }
  return out + "}}";
}

}  // namespace mullion::content
