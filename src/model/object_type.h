// Descriptors of object types, generated from schema/objects/*.yaml.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace mullion::model {

enum class FieldKind { kString, kInteger, kNumber, kBoolean, kArray, kObject, kAny };
/// How an index reads and orders its values (contract: filters.md section 2).
enum class IndexKind { kString, kBoolean, kUuid, kIp, kCidr, kTime, kList };

/// One field of an object or nested type, in canonical order.
struct Field {
  std::string_view name;
  FieldKind kind;
  std::string_view format;         // "", "uuid", "ip", "rfc3339", "bytes", ...
  std::string_view ref;            // nested type name, or ""
  FieldKind item_kind;             // of arrays and maps
  std::string_view item_ref;       // nested type of items or map values, or ""
  std::string_view default_json;   // JSON text that a missing value takes; "" = the kind's zero value
  std::string_view enum_name;      // enum of schema/enums.yaml, or ""
  bool read_only;                  // client values are ignored
  bool omit_empty;
  bool nullable;
  bool secret;                     // kept beside the object, never shown or replicated
};

struct Index {
  std::string_view name;
  IndexKind kind;
  std::string_view type_text;  // as the API shows it: "string", "boolean", "UUID string", ...
  std::string_view path;       // where the value lives, dotted: "OS.Name"; special: "@key", "@endpoint", "@params"
  bool unique;
  bool unordered;
  bool regex;
};

struct Traits {
  bool has_meta, meta_api, has_validation, has_read_only, has_endpoint, has_bundle, has_partial, has_params,
      has_profiles, has_boot_env, has_tasks, can_have_actions, name_settable, client_create, client_update,
      client_delete;
  bool replicated;   // travels to managers
  std::string_view actions_path;  // "actions", "plugin_actions" or ""
};

struct ObjectType {
  std::string_view type;    // "Machine"
  std::string_view prefix;  // "machines"
  std::string_view key_field;
  std::string_view key_kind;  // "name", "uuid", "hex-address"
  std::string_view name_rule; // rule of the key/name in schema/names.yaml, or ""
  std::string_view documentation;
  Traits traits;
  std::span<const Field> fields;  // mixins flattened; `Endpoint` is not among them
  std::span<const Index> indexes;

  const Field* find_field(std::string_view name) const;
  const Index* find_index(std::string_view name) const;
};

/// All collections, sorted by prefix.
std::span<const ObjectType> object_types();
/// nullptr when `prefix` is unknown.
const ObjectType* find_object_type(std::string_view prefix);

struct NestedType {
  std::string_view name;
  std::span<const Field> fields;
};
const NestedType* find_nested_type(std::string_view name);

}  // namespace mullion::model
