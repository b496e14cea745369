#include "cli/documents/document.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "model/members.h"
#include "model/object.h"
#include "model/pointer.h"

namespace mullion::cli {
namespace {

std::vector<const json::key_value_pair*> sorted_members(const json::object& object) {
  std::vector<const json::key_value_pair*> members;
  for (const auto& member : object) members.push_back(&member);
  std::sort(members.begin(), members.end(),
            [](const auto* left, const auto* right) { return left->key() < right->key(); });
  return members;
}

void append_pretty(std::string& out, const json::value& value, size_t indent);

void append_pretty_object(std::string& out, const json::object& object, size_t indent) {
  if (object.empty()) {
    out += "{}";
    return;
  }
  const char* separator = "{\n";
  for (const json::key_value_pair* member : sorted_members(object)) {
    out.append(separator).append(indent + 2, ' ').append(json::serialize(member->key())).append(": ");
    append_pretty(out, member->value(), indent + 2);
    separator = ",\n";
  }
  out.append("\n").append(indent, ' ').append("}");
}

void append_pretty_array(std::string& out, const json::array& array, size_t indent) {
  if (array.empty()) {
    out += "[]";
    return;
  }
  const char* separator = "[\n";
  for (const json::value& item : array) {
    out.append(separator).append(indent + 2, ' ');
    append_pretty(out, item, indent + 2);
    separator = ",\n";
  }
  out.append("\n").append(indent, ' ').append("]");
}

void append_pretty(std::string& out, const json::value& value, size_t indent) {
  if (value.is_object()) return append_pretty_object(out, value.get_object(), indent);
  if (value.is_array()) return append_pretty_array(out, value.get_array(), indent);
  model::append_json(out, value);
}

// ---- patches

void diff(json::array& out, const json::value& before, const json::value& after, const std::string& path,
          bool with_tests);

void diff_objects(json::array& out, const json::object& before, const json::object& after,
                  const std::string& path, bool with_tests) {
  for (const json::key_value_pair* member : sorted_members(before)) {
    if (after.contains(member->key())) continue;
    const std::string where = path + "/" + model::pointer_part(member->key());
    if (with_tests) out.push_back(patch_operation("test", where, member->value()));
    out.push_back(patch_operation("remove", where, nullptr));
  }
  for (const json::key_value_pair* member : sorted_members(after)) {
    const std::string where = path + "/" + model::pointer_part(member->key());
    const json::value* old = before.if_contains(member->key());
    if (old != nullptr) {
      diff(out, *old, member->value(), where, with_tests);
    } else {
      out.push_back(patch_operation("add", where, member->value()));
    }
  }
}

void diff(json::array& out, const json::value& before, const json::value& after, const std::string& path,
          bool with_tests) {
  if (before == after) return;
  if (before.is_object() && after.is_object()) {
    return diff_objects(out, before.get_object(), after.get_object(), path, with_tests);
  }
  if (with_tests) out.push_back(patch_operation("test", path, before));
  out.push_back(patch_operation("replace", path, after));
}

}  // namespace

const json::value* member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string text_member(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

uint64_t count_member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object == nullptr ? 0 : model::count_member(*object, name);
}

std::vector<std::string> texts_member(const json::value& value, std::string_view name) {
  std::vector<std::string> texts;
  const json::value* found = member(value, name);
  if (found == nullptr || !found->is_array()) return texts;
  for (const json::value& item : found->get_array()) {
    texts.emplace_back(item.is_string() ? std::string(item.get_string()) : json::serialize(item));
  }
  return texts;
}

json::value scalar_argument(std::string_view text) {
  Result<json::value> parsed = parse_json(text);
  return parsed ? std::move(*parsed) : json::value(json::string_view(text));
}

std::string pretty_json(const json::value& value) {
  std::string out;
  append_pretty(out, value, 0);
  return out;
}

json::value merge(json::value base, const json::value& changes) {
  if (!base.is_object() || !changes.is_object()) return changes;
  json::object& target = base.get_object();
  for (const auto& member : changes.get_object()) {
    if (member.value().is_null()) {
      target.erase(member.key());
      continue;
    }
    json::value& slot = target[member.key()];
    json::value merged = merge(std::move(slot), member.value());
    slot = std::move(merged);
  }
  return base;
}

json::array make_patch(const json::value& before, const json::value& after) {
  json::array patch;
  diff(patch, before, after, "", true);
  return patch;
}

json::array make_paranoid_patch(const json::value& before, const json::value& after) {
  json::array patch;
  patch.push_back(patch_operation("test", "", before));
  diff(patch, before, after, "", false);
  return patch;
}

json::object patch_operation(std::string_view operation, std::string_view path, const json::value& value) {
  json::object entry;
  entry["op"] = json::string_view(operation);
  entry["path"] = json::string_view(path);
  entry["from"] = "";
  entry["value"] = value;
  return entry;
}

}  // namespace mullion::cli
