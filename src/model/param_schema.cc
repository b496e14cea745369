// The only file that includes valijson: JSON Schemas of Params.
// Without this the library ends the process when a schema is wrong, which anybody may send.
#define VALIJSON_USE_EXCEPTIONS 1
#include <boost/json.hpp>
#include <cmath>
#include <stdexcept>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "model/internal/schema_words.h"
#include "model/object.h"

namespace mullion::model {
namespace {

using valijson::adapters::BoostJsonAdapter;

bool says_nothing(const json::value& schema) { return !schema.is_object() || schema.get_object().empty(); }

/// Throws what the library throws for schemas it does not take.
void populate(const json::value& schema, valijson::Schema& compiled) {
  valijson::SchemaParser parser;
  parser.populateSchema(BoostJsonAdapter(schema), compiled);
}

/// `value` with 5.0 said as 5: a number without fraction is an integer, however it is written.
json::value with_whole_numbers(const json::value& value) {
  constexpr double kExact = 9.0e15;
  if (const json::array* array = value.if_array()) {
    json::array out;
    out.reserve(array->size());
    for (const json::value& item : *array) out.push_back(with_whole_numbers(item));
    return out;
  }
  if (const json::object* object = value.if_object()) {
    json::object out;
    out.reserve(object->size());
    for (const auto& member : *object) out.emplace(member.key(), with_whole_numbers(member.value()));
    return out;
  }
  const double* number = value.if_double();
  if (number == nullptr || std::trunc(*number) != *number || std::abs(*number) > kExact) return value;
  return static_cast<int64_t>(*number);
}

std::string text_of_finding(valijson::ValidationResults& results) {
  valijson::ValidationResults::Error finding;
  if (!results.popError(finding)) return "(root): does not fit the schema";
  std::string where;
  for (const std::string& part : finding.context) {
    if (part != "<root>") where += part;
  }
  return fmt::format("{}: {}", where.empty() ? "(root)" : where, finding.description);
}

}  // namespace

Result<void> compile_schema(const json::value& schema) {
  if (says_nothing(schema)) return {};
  if (std::optional<std::string> trouble = internal::schema_trouble(schema)) {
    return Error(ErrorCode::kInvalid, *trouble);
  }
  try {
    valijson::Schema compiled;
    populate(internal::without_patterns(schema), compiled);
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kInvalid, failure.what());
  }
  return {};
}

Result<void> check_schema(const json::value& schema, const json::value& value) {
  if (says_nothing(schema)) return {};
  if (std::optional<std::string> finding = internal::worded_finding(schema, value)) {
    return Error(ErrorCode::kInvalid, *finding);
  }
  // Also schemas that were never validated come here: those of content packs.
  if (std::optional<std::string> trouble = internal::schema_trouble(schema)) {
    return Error(ErrorCode::kInvalid, fmt::format("schema cannot be applied: {}", *trouble));
  }
  try {
    valijson::Schema compiled;
    populate(internal::without_patterns(schema), compiled);
    valijson::Validator validator;
    valijson::ValidationResults results;
    const json::value target = with_whole_numbers(value);
    if (validator.validate(compiled, BoostJsonAdapter(target), &results)) return {};
    return Error(ErrorCode::kInvalid, text_of_finding(results));
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kInvalid, fmt::format("schema cannot be applied: {}", failure.what()));
  }
}

}  // namespace mullion::model
