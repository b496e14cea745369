// The only file that includes valijson: JSON Schemas of Params.
#include <boost/json.hpp>
#include <stdexcept>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "model/object.h"

namespace mullion::model {
namespace {

std::string_view given_kind(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "integer";
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "";
}

bool kind_fits(std::string_view wanted, const json::value& value) {
  const std::string_view given = given_kind(value);
  return wanted == given || (wanted == "number" && given == "integer") ||
         (wanted == "integer" && value.is_double() &&
          value.get_double() == static_cast<double>(static_cast<int64_t>(value.get_double())));
}

/// The two findings whose wording clients compare: a wrong type and a missing property. Walks schema and
/// value together; everything else is left to the validator.
std::optional<std::string> worded_finding(const json::value& schema, const json::value& value,
                                          const std::string& where) {
  if (!schema.is_object()) return std::nullopt;
  const json::object& rules = schema.get_object();
  const json::value* type = rules.if_contains("type");
  if (type != nullptr && type->is_string() && !kind_fits(type->get_string(), value)) {
    return fmt::format("{}: Invalid type. Expected: {}, given: {}", where,
                       std::string_view(type->get_string()), given_kind(value));
  }
  if (!value.is_object()) return std::nullopt;
  if (const json::value* required = rules.if_contains("required");
      required != nullptr && required->is_array()) {
    for (const json::value& name : required->get_array()) {
      if (!name.is_string() || value.get_object().contains(name.get_string())) continue;
      const std::string_view text = name.get_string();
      return fmt::format("{}: {} is required", where == "(root)" ? std::string(text) : where, text);
    }
  }
  const json::value* properties = rules.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return std::nullopt;
  for (const auto& member : properties->get_object()) {
    const json::value* child = value.get_object().if_contains(member.key());
    if (child == nullptr) continue;
    const std::string path =
        where == "(root)" ? std::string(member.key()) : where + "." + std::string(member.key());
    if (std::optional<std::string> found = worded_finding(member.value(), *child, path)) return found;
  }
  return std::nullopt;
}

Result<void> run_validator(const json::value& schema, const json::value& value) {
  valijson::Schema compiled;
  valijson::SchemaParser parser;
  valijson::adapters::BoostJsonAdapter schema_adapter(schema);
  try {
    parser.populateSchema(schema_adapter, compiled);
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kInvalid, fmt::format("schema does not compile: {}", failure.what()));
  }
  valijson::Validator validator;
  valijson::ValidationResults results;
  valijson::adapters::BoostJsonAdapter value_adapter(value);
  if (validator.validate(compiled, value_adapter, &results)) return {};
  valijson::ValidationResults::Error finding;
  std::string text = "(root): does not fit the schema";
  if (results.popError(finding)) {
    std::string where;
    for (const std::string& part : finding.context) {
      if (part == "<root>") continue;
      where += part;
    }
    text = fmt::format("{}: {}", where.empty() ? "(root)" : where, finding.description);
  }
  return Error(ErrorCode::kInvalid, text);
}

}  // namespace

Result<void> check_schema(const json::value& schema, const json::value& value) {
  if (!schema.is_object() || schema.get_object().empty()) return {};
  if (std::optional<std::string> finding = worded_finding(schema, value, "(root)")) {
    return Error(ErrorCode::kInvalid, *finding);
  }
  try {
    return run_validator(schema, value);
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kInvalid, fmt::format("schema cannot be applied: {}", failure.what()));
  }
}

}  // namespace mullion::model
