// Descriptors of object types, generated from schema/objects/*.yaml.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mullion::model {

enum class FieldKind { kString, kInteger, kNumber, kBoolean, kArray, kObject, kAny };
/// How an index reads and orders its values (contract: filters.md section 2).
/// kNumber: indexes of properties that plugins declare.
/// kVersion: versions, ordered by version_sort_key(); other texts stand before them.
/// kDevice, kDevices: hardware addresses, which are compared as such, and other texts as they are.
enum class IndexKind {
  kString,
  kBoolean,
  kUuid,
  kIp,
  kCidr,
  kTime,
  kList,
  kNumber,
  kVersion,
  kDevice,
  kDevices
};

/// Whether an index holds a list of values of each object.
inline bool is_list(IndexKind kind) { return kind == IndexKind::kList || kind == IndexKind::kDevices; }

/// One field of an object or nested type, in canonical order.
struct Field {
  std::string_view name;
  FieldKind kind;
  std::string_view format;        // "", "uuid", "ip", "rfc3339", "bytes", ...
  std::string_view ref;           // nested type name, or ""
  FieldKind item_kind;            // of arrays and maps
  std::string_view item_ref;      // nested type of items or map values, or ""
  std::string_view default_json;  // JSON text that a missing value takes; "" = the kind's zero value
  std::string_view enum_name;     // enum of schema/enums.yaml, or ""
  bool read_only;                 // client values are ignored
  bool omit_empty;
  bool nullable;
  bool secret;      // kept beside the object, never shown or replicated
  bool fill_empty;  // the default also replaces an empty value: zero means absent
  bool required;    // as documented; rules check where it matters
};

struct Index {
  std::string_view name;
  IndexKind kind;
  std::string_view type_text;  // as the API shows it: "string", "boolean", "UUID string", ...
  std::string_view path;  // where the value lives, dotted: "OS.Name"; special: "@key", "@endpoint", "@params"
  bool unique;
  bool unordered;
  bool regex;
  bool sorts_anyway = false;  // ordered, although reference servers say that theirs is not
};

struct Traits {
  bool has_meta, meta_api, has_validation, has_read_only, has_endpoint, has_bundle, has_partial, has_params,
      has_profiles, has_boot_env, has_tasks, can_have_actions, name_settable, client_create, client_update,
      client_delete;
  bool free_form;                 // members that are no field are kept
  bool replicated;                // travels to managers
  std::string_view actions_path;  // "actions", "plugin_actions" or ""
};

/// What a rule checks. `%s` in its message is the offending value, `%k` the key, `%i` the position.
enum class RuleKind {
  kName,          // a string field matches a name rule
  kEntries,       // every string of a list matches a name rule
  kKeys,          // every key of a map matches a name rule
  kReference,     // a string field names an object of `to`
  kReferences,    // every string of a list names an object of `to`
  kOneOf,         // a string field is a word of an enum
  kEntriesOneOf,  // every string of a list is a word of an enum
  kKeysOneOf,     // every key of a map is a word of an enum
  kValue,         // a member obeys the JSON Schema whose text is `rule`
  kHook,          // behaviour that no table can say: `rule` names it (internal/hooks.h)
};

/// One rule of validation, in the order in which its messages are given.
struct Rule {
  RuleKind kind;
  std::string_view field;
  std::string_view rule;  // name rule, enum, hook or schema
  std::string_view to;    // collection referred to
  std::string_view message;
  bool optional;            // an empty value passes
  bool unique;              // list entries must differ
  std::string_view unless;  // entries containing this text are not references
  bool soft;                // a breach makes the object unavailable instead of invalid
};

/// What the server itself writes into an object at its creation, whatever kind of client sends it.
struct Creation {
  std::string_view field;       // dotted: "Meta.feature-flags"
  std::string_view value_json;  // what it becomes, or ""
  std::string_view from;        // the member it is taken from, dotted, or ""
  std::string_view hook;        // what no table can say (internal/creation.cc), or ""
  bool always;                  // also when the client gave another value
};

struct ObjectType {
  std::string_view type;    // "Machine"
  std::string_view prefix;  // "machines"
  std::string_view key_field;
  std::string_view key_kind;   // "name", "uuid", "hex-address"
  std::string_view name_rule;  // rule of the key/name in schema/names.yaml, or ""
  std::string_view documentation;
  Traits traits;
  std::span<const Field> fields;  // mixins flattened; `Endpoint` is not among them
  std::span<const Index> indexes;
  std::span<const Rule> rules;
  std::string_view rights_by;  // index whose value is what claims name as specific; "" = the key
  std::string_view licence;    // licensed feature that changes need, or ""
  std::span<const Creation> creation;

  const Field* find_field(std::string_view name) const;
  const Index* find_index(std::string_view name) const;
};

/// All collections, sorted by prefix.
std::span<const ObjectType> object_types();
/// What collections that plugins declare are made from (schema/generic.yaml).
const ObjectType& generic_object_type();
/// What is known of a collection that only others know: keys and owners of its objects.
const ObjectType& bare_object_type();
/// nullptr when `prefix` is unknown; see also type_catalog.h.
const ObjectType* find_object_type(std::string_view prefix);

/// Whether a field is what the server knows about an object rather than what somebody says in it: clients see
/// it and cannot set it, and it is no part of what is compared, exported or carried on.
bool is_bookkeeping(std::string_view field);

struct NestedType {
  std::string_view name;
  std::span<const Field> fields;
};
const NestedType* find_nested_type(std::string_view name);

/// Whether `text` matches a name rule of schema/names.yaml. Precondition: the rule exists.
bool matches_name_rule(std::string_view rule, std::string_view text);

/// A word of an enum of schema/enums.yaml; aliases (architectures) name their canonical word.
struct EnumWord {
  std::string_view enum_name, word, canonical;
};
/// Canonical form of `word`, or empty when it is no word of the enum.
std::string_view canonical_word(std::string_view enum_name, std::string_view word);

/// The OpenAPI document of every route, served as /swagger.json.
std::string openapi_json();

/// A scope of claims and the actions known in it (contract: auth.md section 3).
struct ClaimScope {
  std::string_view scope;  // "" stands for the types that plugins declare
  std::span<const std::string_view> actions;
};
/// All scopes, sorted.
std::span<const ClaimScope> claim_scopes();

}  // namespace mullion::model
