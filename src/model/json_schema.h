// JSON Schemas of parameters (drafts 4, 6 and 7): compiled once, judged within a budget.
#pragma once

#include <boost/json/value.hpp>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "model/budget.h"

namespace mullion::model {

namespace json = boost::json;

namespace internal {
struct SchemaForm;
}

/// Steps that compiling a schema, or judging a value by it, may take at most. A step is one keyword applied
/// to one value, one member looked up, or 16 bytes of text read: 20 to 100 ns.
inline constexpr uint64_t kSchemaSteps = 5'000'000;
/// So many may be taken on threads that serve others too; what needs more belongs on a thread of its own.
inline constexpr uint64_t kInlineSchemaSteps = 20'000;

/// A compiled schema: references are resolved, patterns are RE2 programs, enumerations are sorted. Immutable.
class JsonSchema {
 public:
  /// kInvalid with the reason when `schema` is none that can be used: wrong kinds of keywords, references out
  /// of itself or without an end, patterns that are no RE2 expressions (look-around, back references) or too
  /// large, too many parts. kTooLarge when the budget ends. A schema that is no object or empty accepts
  /// everything.
  static Result<std::shared_ptr<const JsonSchema>> compile(const json::value& schema, Budget& budget);

  explicit JsonSchema(std::unique_ptr<internal::SchemaForm> form);
  ~JsonSchema();
  JsonSchema(const JsonSchema&) = delete;
  JsonSchema& operator=(const JsonSchema&) = delete;

  /// kInvalid with the first finding in the words of the contract ("(root): Invalid type. ..."); kTooLarge
  /// when the budget ends or value and schema are nested too deeply to be judged. Thread-safe.
  Result<void> check(const json::value& value, Budget& budget) const;
  /// Bytes of memory it may take, the working memory of its patterns included.
  size_t weight() const;

 private:
  std::unique_ptr<const internal::SchemaForm> form_;
};

/// compile() of the schema whose JSON text is `text`; those used last are remembered. Thread-safe. Errors as
/// compile(), kInvalid for what is no JSON.
Result<std::shared_ptr<const JsonSchema>> remembered_schema(std::string_view text, Budget& budget);

/// Judges `value` by the schema of that text. Errors as compile() ("schema cannot be applied: ...") and
/// check().
Result<void> check_by_schema(std::string_view schema_text, const json::value& value, Budget& budget);

}  // namespace mullion::model
