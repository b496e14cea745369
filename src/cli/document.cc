#include "cli/document.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "model/object.h"

namespace mullion::cli {
namespace {

constexpr int kMaxDepth = 64;

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

// ---- YAML out

bool looks_like_number(std::string_view text) {
  if (text.empty()) return false;
  double number = 0;
  const char* begin = text.front() == '+' ? text.data() + 1 : text.data();
  const auto [end, failure] = std::from_chars(begin, text.data() + text.size(), number);
  if (failure != std::errc::invalid_argument && end == text.data() + text.size()) return true;
  // 0x1f, 1_000, 12:30:45 and dates are read as other things than text by some YAML readers.
  return std::isdigit(static_cast<unsigned char>(text.front())) != 0 &&
         text.find_first_not_of("0123456789abcdefxABCDEFo_:.-+TZ ") == std::string_view::npos;
}

bool is_reserved_word(std::string_view text) {
  static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no",
                                                "on",   "off",   "y",    "n",   "~"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords);
}

bool needs_quotes(std::string_view text) {
  if (text.empty() || is_reserved_word(text) || looks_like_number(text)) return true;
  if (std::string_view("!&*-?|>@`%#{}[],:\"'=< ~.+").find(text.front()) != std::string_view::npos) {
    const bool harmless = text.size() > 1 && (text.front() == '.' || text.front() == '/');
    if (!harmless) return true;
  }
  if (text.back() == ' ' || text.back() == ':') return true;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return true;
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool fits_literal_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text.front() == ' ' || text.front() == '\n') return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f); });
}

void append_literal_block(std::string& out, std::string_view text, size_t indent) {
  const bool ends_with_newline = text.back() == '\n';
  const bool several = text.ends_with("\n\n");
  out += several ? "|+" : ends_with_newline ? "|" : "|-";
  if (ends_with_newline) text.remove_suffix(1);
  while (true) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    out += '\n';
    if (!line.empty()) out.append(indent, ' ').append(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  out += '\n';
}

std::string yaml_key(std::string_view text) {
  return needs_quotes(text) ? json::serialize(json::string_view(text)) : std::string(text);
}

void append_yaml(std::string& out, const json::value& value, size_t indent, bool after_dash);

void append_yaml_scalar(std::string& out, const json::value& value, size_t indent) {
  const json::string* text = value.if_string();
  if (text == nullptr) {
    model::append_json(out, value);
  } else if (!text->empty() && fits_literal_block(*text)) {
    return append_literal_block(out, *text, indent);
  } else {
    out += yaml_key(*text);
  }
  out += '\n';
}

bool is_block(const json::value& value) {
  return (value.is_object() && !value.get_object().empty()) ||
         (value.is_array() && !value.get_array().empty());
}

void append_yaml_object(std::string& out, const json::object& object, size_t indent, bool after_dash) {
  for (const json::key_value_pair* member : sorted_members(object)) {
    if (!after_dash) out.append(indent, ' ');
    after_dash = false;
    out.append(yaml_key(member->key())).append(":");
    const json::value& value = member->value();
    if (!is_block(value)) {
      out += ' ';
      append_yaml(out, value, indent + 2, false);
      continue;
    }
    out += '\n';
    append_yaml(out, value, value.is_array() ? indent : indent + 2, false);
  }
}

void append_yaml_array(std::string& out, const json::array& array, size_t indent, bool after_dash) {
  for (const json::value& item : array) {
    if (!after_dash) out.append(indent, ' ');
    after_dash = false;
    out += "- ";
    append_yaml(out, item, indent + 2, true);
  }
}

void append_yaml(std::string& out, const json::value& value, size_t indent, bool after_dash) {
  if (!is_block(value)) return append_yaml_scalar(out, value, indent);
  if (value.is_object()) return append_yaml_object(out, value.get_object(), indent, after_dash);
  append_yaml_array(out, value.get_array(), indent, after_dash);
}

// ---- YAML in

json::value yaml_scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return json::value(text);  // quoted
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  int64_t integer = 0;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, integer);
  if (parsed.ec == std::errc() && parsed.ptr == end) return integer;
  double number = 0;
  parsed = std::from_chars(text.data(), end, number);
  const bool is_word = std::isalpha(static_cast<unsigned char>(text.back())) != 0;
  if (parsed.ec == std::errc() && parsed.ptr == end && !is_word) return number;
  return json::value(text);
}

Result<json::value> from_yaml(const YAML::Node& node, int depth) {
  if (depth > kMaxDepth) return Error(ErrorCode::kBadRequest, "YAML is nested too deeply");
  if (!node.IsDefined() || node.IsNull()) return json::value(nullptr);
  if (node.IsScalar()) return yaml_scalar(node);
  if (node.IsSequence()) {
    json::array array;
    for (const YAML::Node& item : node) {
      Result<json::value> value = from_yaml(item, depth + 1);
      if (!value) return value;
      array.push_back(std::move(*value));
    }
    return json::value(std::move(array));
  }
  json::object object;
  for (const auto& member : node) {
    if (!member.first.IsScalar()) return Error(ErrorCode::kBadRequest, "YAML keys must be text");
    Result<json::value> value = from_yaml(member.second, depth + 1);
    if (!value) return value;
    object[member.first.Scalar()] = std::move(*value);
  }
  return json::value(std::move(object));
}

// ---- patches

void diff(json::array& out, const json::value& before, const json::value& after, const std::string& path,
          bool with_tests);

void diff_objects(json::array& out, const json::object& before, const json::object& after,
                  const std::string& path, bool with_tests) {
  for (const json::key_value_pair* member : sorted_members(before)) {
    if (after.contains(member->key())) continue;
    const std::string where = path + "/" + pointer_segment(member->key());
    if (with_tests) out.push_back(patch_operation("test", where, member->value()));
    out.push_back(patch_operation("remove", where, nullptr));
  }
  for (const json::key_value_pair* member : sorted_members(after)) {
    const std::string where = path + "/" + pointer_segment(member->key());
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

Result<json::value> parse_document(std::string_view text) {
  Result<json::value> parsed = model::parse_json(text);
  if (parsed) return parsed;
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool meant_as_json = first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
  try {
    Result<json::value> value = from_yaml(YAML::Load(std::string(text)), 0);
    if (value || !meant_as_json) return value;
  } catch (const YAML::Exception& failure) {
    if (!meant_as_json) {
      return Error(ErrorCode::kBadRequest, fmt::format("neither JSON nor YAML: {}", failure.what()));
    }
  }
  return parsed;
}

Result<std::vector<json::value>> parse_documents(std::string_view text) {
  std::vector<json::value> out;
  if (Result<json::value> parsed = model::parse_json(text)) {
    out.push_back(std::move(*parsed));
    return out;
  }
  try {
    for (const YAML::Node& node : YAML::LoadAll(std::string(text))) {
      Result<json::value> value = from_yaml(node, 0);
      if (!value) return value.error();
      if (!value->is_null()) out.push_back(std::move(*value));
    }
  } catch (const YAML::Exception& failure) {
    return Error(ErrorCode::kBadRequest, fmt::format("neither JSON nor YAML: {}", failure.what()));
  }
  return out;
}

const json::value* member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string text_member(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
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
  Result<json::value> parsed = model::parse_json(text);
  return parsed ? std::move(*parsed) : json::value(json::string_view(text));
}

std::string pretty_json(const json::value& value) {
  std::string out;
  append_pretty(out, value, 0);
  return out;
}

std::string yaml_text(const json::value& value) {
  std::string out;
  append_yaml(out, value, 0, false);
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

std::string pointer_segment(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace mullion::cli
