#include "catalog/internal/pack_meta.h"

#include <algorithm>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

namespace mullion::catalog {

namespace {

namespace json = boost::json;

constexpr size_t kLongestText = 16 * 1024;
constexpr size_t kDeepest = 200;
constexpr std::string_view kKept[] = {"Name",  "Description", "Author", "CodeSource",    "Color",
                                      "Copyright", "DisplayName", "DocUrl", "Icon", "License", "Order",
                                      "Prerequisites", "RequiredFeatures", "Tags", "Version", "Type", "Source"};

/// Collects scalars directly below the top level's "meta"; stops the parser behind it.
struct MetaHandler {
  static constexpr size_t max_object_size = -1;
  static constexpr size_t max_array_size = -1;
  static constexpr size_t max_key_size = -1;
  static constexpr size_t max_string_size = -1;

  json::object meta;
  bool is_object = false, found = false, done = false;
  size_t depth = 0;
  bool in_meta = false;
  std::string text, key;

  bool wants_value() const { return in_meta && depth == 2; }
  void grow(std::string_view part) {
    if (text.size() <= kLongestText) text += part.substr(0, kLongestText + 1 - std::min(text.size(), kLongestText));
  }
  void keep(json::value value) {
    if (wants_value()) meta[key] = std::move(value);
  }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) {
    if (++depth == 1) is_object = true;
    if (depth == 2) in_meta = key == "meta";
    if (depth == 2 && in_meta) found = true;
    return true;
  }
  bool on_object_end(size_t, json::error_code& stop) {
    if (depth-- == 2 && in_meta) {
      done = true;
      stop = json::error::exception;
      return false;
    }
    return true;
  }
  bool on_array_begin(json::error_code&) {
    ++depth;
    return true;
  }
  bool on_array_end(size_t, json::error_code&) {
    --depth;
    return true;
  }
  bool on_key_part(json::string_view part, size_t, json::error_code&) {
    grow(part);
    return true;
  }
  bool on_key(json::string_view part, size_t, json::error_code&) {
    grow(part);
    if (depth == 1 || wants_value()) key = text;
    text.clear();
    return true;
  }
  bool on_string_part(json::string_view part, size_t, json::error_code&) {
    if (wants_value()) grow(part);
    return true;
  }
  bool on_string(json::string_view part, size_t, json::error_code&) {
    if (wants_value()) grow(part);
    if (text.size() <= kLongestText) keep(json::string(text));
    text.clear();
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(int64_t value, json::string_view, json::error_code&) {
    keep(json::string(std::to_string(value)));
    return true;
  }
  bool on_uint64(uint64_t value, json::string_view, json::error_code&) {
    keep(json::string(std::to_string(value)));
    return true;
  }
  bool on_double(double value, json::string_view, json::error_code&) {
    keep(json::string(json::serialize(json::value(value))));
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    keep(json::string(value ? "true" : "false"));
    return true;
  }
  bool on_null(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

Error no_pack(std::string why) { return Error(ErrorCode::kInvalid, "no content pack: " + why); }

}  // namespace

Result<json::object> read_pack_meta(const Pieces& next) {
  json::parse_options options;
  options.max_depth = kDeepest;
  json::basic_parser<MetaHandler> parser(options);
  MetaHandler& handler = parser.handler();
  while (!handler.done) {
    Result<std::string_view> piece = next();
    if (!piece) return piece.error();
    json::error_code problem;
    parser.write_some(!piece->empty(), piece->data(), piece->size(), problem);
    if (handler.done) break;
    if (problem) return no_pack(problem.message());
    if (piece->empty() || parser.done()) break;
  }
  if (!handler.is_object) return no_pack("expected a JSON object");
  if (!handler.found) return no_pack("it has no meta");
  return std::move(handler.meta);
}

json::object kept_meta(const json::object& meta) {
  json::object out;
  for (const std::string_view field : kKept) {
    const json::value* value = meta.if_contains(field);
    if (value == nullptr || !value->is_string() || value->get_string().empty()) continue;
    if (value->get_string().size() <= kLongestText) out[field] = *value;
  }
  return out;
}

}  // namespace mullion::catalog
