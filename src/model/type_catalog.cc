#include "model/type_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <deque>

#include "base/letters.h"
#include "base/mutex.h"
#include "model/json_schema.h"
#include "model/object.h"

namespace mullion::model {
namespace {

constexpr size_t kLongestPrefix = 64;
constexpr size_t kMostProperties = 256;

/// First segments of routes that are no collections.
constexpr std::string_view kReserved[] = {"actions",     "catalog", "contents", "debug", "drp_debug",
                                          "events",      "files",   "indexes",  "info",  "isos",
                                          "logs",        "meta",    "objects",  "prefs", "static",
                                          "replication", "system",  "whoami",   "ws",    "pools-active"};

bool is_type_prefix(std::string_view text) {
  return !text.empty() && text.size() <= kLongestPrefix && is_letter(text.front()) &&
         std::ranges::all_of(text,
                             [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool is_required(const json::value& property) {
  const json::object* object = property.if_object();
  const json::value* required = object == nullptr ? nullptr : object->if_contains("isrequired");
  return required != nullptr && required->is_bool() && required->get_bool();
}

/// The property's JSON Schema: without the word that is no part of the language.
json::value schema_of(const json::value& property) {
  json::object schema = property.get_object();
  schema.erase("isrequired");
  return schema;
}

std::string_view type_word(const json::value& property) {
  const json::value* type = property.get_object().if_contains("type");
  return type != nullptr && type->is_string() ? std::string_view(type->get_string()) : std::string_view();
}

}  // namespace

Result<void> check_declaration(std::string_view prefix, const json::value& schema) {
  const auto refuse = [prefix](std::string_view why) {
    return Error(ErrorCode::kInvalid, fmt::format("StoreObjects {}: {}", prefix, why));
  };
  if (!is_type_prefix(prefix)) return refuse("not a name of a collection");
  if (find_object_type(prefix) != nullptr || std::ranges::find(kReserved, prefix) != std::end(kReserved)) {
    return refuse("the name is taken by the server");
  }
  if (schema.is_null()) return {};
  if (!schema.is_object()) return refuse("expected a map of properties");
  if (schema.get_object().size() > kMostProperties) return refuse("too many properties");
  Budget budget(kSchemaSteps);
  for (const auto& [name, property] : schema.get_object()) {
    if (!property.is_object())
      return refuse(fmt::format("{}: expected a JSON Schema", std::string_view(name)));
    const Result<std::shared_ptr<const JsonSchema>> usable = JsonSchema::compile(schema_of(property), budget);
    if (!usable)
      return refuse(fmt::format("{}: {}", std::string_view(name), usable.error().messages.front()));
  }
  return {};
}

/// One descriptor and the texts it refers to.
struct TypeCatalog::Declared {
  Declared(std::string_view prefix, const json::object& schema) : text(json::serialize(schema)) {
    const ObjectType& generic = generic_object_type();
    type = generic;
    type.prefix = keep(prefix);
    type.type = type.prefix;
    fields.assign(generic.fields.begin(), generic.fields.end());
    indexes.assign(generic.indexes.begin(), generic.indexes.end());
    rules.assign(generic.rules.begin(), generic.rules.end());
    take_prefix_as_type();
    for (const auto& [name, property] : schema) add_property(name, property);
    std::ranges::sort(indexes, {}, &Index::name);
    type.fields = fields;
    type.indexes = indexes;
    type.rules = rules;
  }

  std::string_view keep(std::string_view words) { return kept.emplace_back(words); }

  void take_prefix_as_type() {
    const std::string word = json::serialize(json::string_view(type.prefix));
    const auto field = std::ranges::find(fields, std::string_view("Type"), &Field::name);
    field->default_json = keep(word);
    rules.push_back({RuleKind::kValue, "Type", keep(fmt::format(R"({{"enum":[{}]}})", word))});
  }

  void add_property(std::string_view name, const json::value& property) {
    const std::string_view kept_name = keep(name);
    Rule rule{RuleKind::kValue, kept_name, keep(json::serialize(schema_of(property)))};
    rule.optional = !is_required(property);
    rules.push_back(rule);
    const bool indexed =
        type.find_index(name) != nullptr || name.find_first_of(".@") != std::string_view::npos;
    if (!indexed) add_index(kept_name, type_word(property));
  }

  void add_index(std::string_view name, std::string_view word) {
    Index index{name, IndexKind::kString, keep(word), name};
    if (word == "boolean") {
      index.kind = IndexKind::kBoolean;
    } else if (word == "integer" || word == "number") {
      index.kind = IndexKind::kNumber;
    } else if (word == "array") {
      index.kind = IndexKind::kList;
      index.unordered = true;
    } else if (word == "string") {
      index.regex = true;
    } else {
      return;  // objects and values of any kind have no order
    }
    index.sorts_anyway = !index.unordered;
    index.unordered = true;  // as reference servers show what plugins declare
    indexes.push_back(index);
  }

  const std::string text;  // of the schema
  std::deque<std::string> kept;
  std::vector<Field> fields;
  std::vector<Index> indexes;
  std::vector<Rule> rules;
  ObjectType type{};
};

TypeCatalog::TypeCatalog() = default;
TypeCatalog::~TypeCatalog() = default;

const ObjectType* TypeCatalog::find(std::string_view prefix) const {
  if (const ObjectType* built_in = find_object_type(prefix)) return built_in;
  Lock lock(mutex_);
  const auto found = current_.find(prefix);
  return found == current_.end() ? nullptr : &found->second->type;
}

const ObjectType& TypeCatalog::find_or_bare(std::string_view prefix) const {
  const ObjectType* found = find(prefix);
  return found == nullptr ? bare_object_type() : *found;
}

std::vector<const ObjectType*> TypeCatalog::declared() const {
  Lock lock(mutex_);
  std::vector<const ObjectType*> out;
  out.reserve(current_.size());
  for (const auto& [prefix, entry] : current_) out.push_back(&entry->type);
  return out;
}

void TypeCatalog::declare(std::string_view prefix, const json::object& schema) {
  auto fresh = std::make_unique<const Declared>(prefix, schema);
  Lock lock(mutex_);
  // A provider that is uploaded again mostly says the same: then nothing changes, and nothing piles up.
  for (const auto& known : all_) {
    if (known->type.prefix != prefix || known->text != fresh->text) continue;
    current_[std::string(prefix)] = known.get();
    return;
  }
  current_[std::string(prefix)] = fresh.get();
  all_.push_back(std::move(fresh));
}

void TypeCatalog::withdraw(std::string_view prefix) {
  Lock lock(mutex_);
  const auto found = current_.find(prefix);
  if (found != current_.end()) current_.erase(found);
}

}  // namespace mullion::model
