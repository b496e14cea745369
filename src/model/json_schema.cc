#include "model/json_schema.h"

#include <list>
#include <string>
#include <unordered_map>

#include "base/json.h"
#include "base/mutex.h"
#include "model/internal/schema_check.h"
#include "model/internal/schema_compiler.h"
#include "model/object.h"

namespace mullion::model {
namespace {

/// Memory of all remembered schemas.
constexpr size_t kRememberedBytes = 64 * 1024 * 1024;

/// Nesting of the JSON of a schema.
constexpr size_t kDeepestSchema = 128;

/// Compiled schemas by their text, those used last in front.
class SchemaMemory {
 public:
  std::shared_ptr<const JsonSchema> find(std::string_view text) {
    Lock lock(mutex_);
    const auto known = places_.find(text);
    if (known == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, known->second);
    return known->second->schema;
  }

  void keep(std::string_view text, const std::shared_ptr<const JsonSchema>& schema) {
    const size_t bytes = schema->weight() + text.size() + sizeof(Entry);
    Lock lock(mutex_);
    if (bytes > kRememberedBytes || places_.contains(text)) return;
    while (bytes_ + bytes > kRememberedBytes) forget_last();
    entries_.push_front({std::string(text), schema, bytes});
    places_.emplace(entries_.front().text, entries_.begin());
    bytes_ += bytes;
  }

 private:
  struct Entry {
    std::string text;
    std::shared_ptr<const JsonSchema> schema;
    size_t bytes = 0;
  };

  void forget_last() REQUIRES(mutex_) {
    bytes_ -= entries_.back().bytes;
    places_.erase(entries_.back().text);
    entries_.pop_back();
  }

  Mutex mutex_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);
  std::unordered_map<std::string_view, std::list<Entry>::iterator> places_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
};

SchemaMemory& memory() {
  static SchemaMemory shared;
  return shared;
}

Error no_steps_left(const Budget& budget) {
  return Error(ErrorCode::kTooLarge,
               fmt::format("reading the schema takes more than {} steps", budget.total()));
}

bool says_nothing(const json::value& schema) { return !schema.is_object() || schema.get_object().empty(); }

template <typename Entries, typename Size>
size_t sum(const Entries& entries, Size size) {
  size_t total = 0;
  for (const auto& entry : entries) total += sizeof(entry) + size(entry);
  return total;
}

template <typename Entry>
size_t heap_of(const std::vector<Entry>& list) {
  return list.capacity() * sizeof(Entry);
}

}  // namespace

JsonSchema::JsonSchema(std::unique_ptr<internal::SchemaForm> form) : form_(std::move(form)) {}
JsonSchema::~JsonSchema() = default;

Result<std::shared_ptr<const JsonSchema>> JsonSchema::compile(const json::value& schema, Budget& budget) {
  static const json::value everything(true);
  Result<std::unique_ptr<internal::SchemaForm>> form =
      internal::compile_schema_form(says_nothing(schema) ? everything : schema, budget);
  if (!form) return form.error();
  return std::make_shared<const JsonSchema>(std::move(*form));
}

Result<void> JsonSchema::check(const json::value& value, Budget& budget) const {
  return internal::check_by_form(*form_, value, budget);
}

size_t JsonSchema::weight() const {
  const internal::SchemaForm& form = *form_;
  return sizeof(form) + heap_of(form.nodes) + heap_of(form.rules) + form.text_bytes +
         form.patterns.size() * static_cast<size_t>(internal::kPatternMemory) +
         sum(form.members, [](const auto& entry) { return heap_of(entry.named) + heap_of(entry.matching); }) +
         sum(form.items, [](const auto& entry) { return heap_of(entry.leading); }) +
         sum(form.names, [](const auto& entry) { return heap_of(entry); }) +
         sum(form.lists, [](const auto& entry) { return heap_of(entry); }) +
         sum(form.dependencies,
             [](const auto& entry) {
               return sum(entry, [](const auto& dependency) { return heap_of(dependency.needs); });
             }) +
         sum(form.choices, [](const auto& entry) { return heap_of(entry.canonical); }) +
         heap_of(form.conditionals);
}

Result<std::shared_ptr<const JsonSchema>> remembered_schema(std::string_view text, Budget& budget) {
  if (std::shared_ptr<const JsonSchema> known = memory().find(text)) return known;
  if (!budget.spend(text.size() / kBytesPerStep)) return no_steps_left(budget);
  Result<json::value> schema = parse_json(text, kDeepestSchema);
  if (!schema) return Error(ErrorCode::kInvalid, schema.error().messages.front());
  Result<std::shared_ptr<const JsonSchema>> compiled = JsonSchema::compile(*schema, budget);
  if (compiled) memory().keep(text, *compiled);
  return compiled;
}

Result<void> check_by_schema(std::string_view schema_text, const json::value& value, Budget& budget) {
  const Result<std::shared_ptr<const JsonSchema>> schema = remembered_schema(schema_text, budget);
  if (schema) return (*schema)->check(value, budget);
  return Error(schema.error().code,
               fmt::format("schema cannot be applied: {}", schema.error().messages.front()));
}

}  // namespace mullion::model
