// The only file that includes valijson: JSON Schemas of Params.
#include <boost/json.hpp>
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
    if (validator.validate(compiled, BoostJsonAdapter(value), &results)) return {};
    return Error(ErrorCode::kInvalid, text_of_finding(results));
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kInvalid, fmt::format("schema cannot be applied: {}", failure.what()));
  }
}

}  // namespace mullion::model
