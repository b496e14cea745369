#include "packs/internal/layer_view.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "packs/internal/stack.h"

namespace mullion::packs {

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
  if (error.type == kFeatureMissing && !replace) {
    error.key.clear();
    return error;
  }
  if (error.type == kUndecodable && !replace) {
    error.model.clear();
    error.key.clear();
    return error;
  }
  if (replace && (error.type == kFeatureMissing || error.type == kUndecodable)) error.type = "PUT";
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

}  // namespace mullion::packs
