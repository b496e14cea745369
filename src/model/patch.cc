#include <boost/json.hpp>
#include <charconv>
#include <optional>

#include "model/object.h"

namespace mullion::model {
namespace {

constexpr size_t kMaxOperations = 10'000;
constexpr size_t kMaxDepth = 128;
/// Values that "copy" may make in one patch: copying a document into itself doubles it each time.
constexpr size_t kMaxCopied = 1'000'000;

bool numbers_equal(const json::value& a, const json::value& b) {
  if (a.is_double() || b.is_double()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

/// Equality of RFC 6902 section 4.6: numbers by value, members in any order.
bool equal(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return numbers_equal(a, b);
  if (a.is_array() && b.is_array()) {
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(), b.get_array().end(),
                      equal);
  }
  if (a.is_object() && b.is_object()) {
    if (a.get_object().size() != b.get_object().size()) return false;
    for (const auto& member : a.get_object()) {
      const json::value* other = b.get_object().if_contains(member.key());
      if (other == nullptr || !equal(member.value(), *other)) return false;
    }
    return true;
  }
  return a == b;
}

/// Tokens of an RFC 6901 pointer; absent when the text is no pointer.
std::optional<std::vector<std::string>> split_pointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (pointer.front() != '/') return std::nullopt;
  for (size_t i = 0; i < pointer.size(); ++i) {
    const char c = pointer[i];
    if (c == '/') {
      tokens.emplace_back();
    } else if (c != '~') {
      tokens.back().push_back(c);
    } else if (i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1')) {
      tokens.back().push_back(pointer[++i] == '0' ? '~' : '/');
    } else {
      return std::nullopt;
    }
  }
  return tokens;
}

std::optional<size_t> array_position(std::string_view token, size_t limit) {
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  size_t position = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), position);
  if (error != std::errc{} || end != token.data() + token.size() || position > limit) return std::nullopt;
  return position;
}

json::value* step(json::value& value, const std::string& token) {
  if (value.is_object()) return value.get_object().if_contains(token);
  if (!value.is_array() || value.get_array().empty()) return nullptr;
  const std::optional<size_t> position = array_position(token, value.get_array().size() - 1);
  return position ? &value.get_array()[*position] : nullptr;
}

json::value* locate(json::value& root, std::span<const std::string> tokens) {
  json::value* here = &root;
  for (const std::string& token : tokens) {
    here = step(*here, token);
    if (here == nullptr) return nullptr;
  }
  return here;
}

struct Operation {
  std::string_view name;
  std::string_view path_text;
  std::vector<std::string> path;
  std::string_view from_text;
  std::vector<std::string> from;
  const json::value* value = nullptr;
};

/// What stops a patch: a text for the first message line. Absent: the operation was applied.
using Trouble = std::optional<std::string>;

Trouble missing(std::string_view path) {
  return fmt::format("`{}` does not point to an existing location", path);
}

/// Number of values in `value`, itself included; raises `deepest` to its nesting.
size_t measure(const json::value& value, size_t depth, size_t& deepest) {
  deepest = std::max(deepest, depth);
  size_t count = 1;
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) count += measure(item, depth + 1, deepest);
  } else if (const json::object* object = value.if_object()) {
    for (const auto& member : *object) count += measure(member.value(), depth + 1, deepest);
  }
  return count;
}

Trouble too_deep(std::span<const std::string> path, const json::value& value) {
  size_t deepest = 0;
  measure(value, path.size() + 1, deepest);
  if (deepest > kMaxDepth) return fmt::format("the result is nested deeper than {}", kMaxDepth);
  return {};
}

Trouble add_at(json::value& document, const Operation& operation, json::value value) {
  if (Trouble trouble = too_deep(operation.path, value)) return trouble;
  if (operation.path.empty()) {
    document = std::move(value);
    return {};
  }
  json::value* parent = locate(document, std::span(operation.path).first(operation.path.size() - 1));
  const std::string& token = operation.path.back();
  if (parent != nullptr && parent->is_object()) {
    parent->get_object()[token] = std::move(value);
    return {};
  }
  if (parent == nullptr || !parent->is_array()) return missing(operation.path_text);
  json::array& array = parent->get_array();
  const std::optional<size_t> position = token == "-" ? array.size() : array_position(token, array.size());
  if (!position) return missing(operation.path_text);
  array.insert(array.begin() + static_cast<std::ptrdiff_t>(*position), std::move(value));
  return {};
}

Trouble remove_at(json::value& document, std::span<const std::string> path, std::string_view text) {
  if (path.empty()) {
    document = nullptr;
    return {};
  }
  json::value* parent = locate(document, path.first(path.size() - 1));
  if (parent == nullptr || step(*parent, path.back()) == nullptr) return missing(text);
  if (parent->is_object()) {
    parent->get_object().erase(path.back());
  } else {
    json::array& array = parent->get_array();
    array.erase(array.begin() + static_cast<std::ptrdiff_t>(*array_position(path.back(), array.size() - 1)));
  }
  return {};
}

bool is_prefix(std::span<const std::string> shorter, std::span<const std::string> longer) {
  return shorter.size() < longer.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

/// Members that are empty are left out of objects, so a test for null holds where there is none (an extension
/// of RFC 6902): else nobody could make sure that nothing is there. The object around it must be there.
bool is_absent_member(json::value& document, const Operation& operation) {
  if (operation.path.empty()) return false;
  json::value* parent = locate(document, std::span(operation.path).first(operation.path.size() - 1));
  return parent != nullptr && parent->is_object() && !parent->get_object().contains(operation.path.back());
}

Trouble apply_one(json::value& document, const Operation& operation, size_t& copied) {
  if (operation.name == "add") return add_at(document, operation, *operation.value);
  if (operation.name == "remove") return remove_at(document, operation.path, operation.path_text);
  json::value* target = locate(document, operation.path);
  if (operation.name == "replace") {
    if (target == nullptr) return missing(operation.path_text);
    if (Trouble trouble = too_deep(operation.path, *operation.value)) return trouble;
    *target = *operation.value;
    return {};
  }
  if (operation.name == "test") {
    const bool holds = target != nullptr
                           ? equal(*target, *operation.value)
                           : operation.value->is_null() && is_absent_member(document, operation);
    if (!holds) return "Test op failed.";
    return {};
  }
  json::value* source = locate(document, operation.from);
  if (source == nullptr) return missing(operation.from_text);
  if (operation.name == "copy") {
    size_t deepest = 0;
    copied += measure(*source, 0, deepest);
    if (copied > kMaxCopied) return fmt::format("copies more than {} values", kMaxCopied);
    return add_at(document, operation, *source);
  }
  if (is_prefix(operation.from, operation.path)) return "cannot move a value into itself";
  json::value moved = std::move(*source);
  if (Trouble trouble = remove_at(document, operation.from, operation.from_text)) return trouble;
  return add_at(document, operation, std::move(moved));
}

Error undecodable(size_t line, std::string_view why) {
  return Error(ErrorCode::kNotAcceptable, fmt::format("Patch error at line {}: {}", line, why));
}

std::string_view string_member(const json::object& object, std::string_view name) {
  const json::value* member = object.if_contains(name);
  return member != nullptr && member->is_string() ? std::string_view(member->get_string())
                                                  : std::string_view();
}

Result<Operation> decode(const json::value& entry, size_t line) {
  if (!entry.is_object()) return undecodable(line, "an operation must be an object");
  const json::object& object = entry.get_object();
  Operation operation;
  operation.name = string_member(object, "op");
  constexpr std::string_view kNames[] = {"add", "remove", "replace", "move", "copy", "test"};
  if (std::ranges::find(kNames, operation.name) == std::end(kNames)) {
    return undecodable(line, fmt::format("unknown op `{}`", operation.name));
  }
  const json::value* path_member = object.if_contains("path");
  if (path_member == nullptr || !path_member->is_string()) return undecodable(line, "path is missing");
  operation.path_text = path_member->get_string();
  std::optional<std::vector<std::string>> path = split_pointer(operation.path_text);
  if (!path) return undecodable(line, fmt::format("path `{}` is not a JSON pointer", operation.path_text));
  operation.path = std::move(*path);
  operation.value = object.if_contains("value");
  const bool needs_value = operation.name == "add" || operation.name == "replace" || operation.name == "test";
  static const json::value null_value;
  // The reference client leaves an empty value out of its operations.
  if (needs_value && operation.value == nullptr) operation.value = &null_value;
  if (operation.name == "move" || operation.name == "copy") {
    operation.from_text = string_member(object, "from");
    std::optional<std::vector<std::string>> from = split_pointer(operation.from_text);
    if (!from) return undecodable(line, "from is not a JSON pointer");
    operation.from = std::move(*from);
  }
  return operation;
}

void append_pretty(std::string& out, const json::value& value, size_t indent);

/// Writes `count` items between brackets, one a line; `write(i)` appends the i-th.
template <typename Write>
void append_lines(std::string& out, std::string_view brackets, size_t count, size_t indent, Write write) {
  out.push_back(brackets[0]);
  for (size_t i = 0; i < count; ++i) {
    out.append(i == 0 ? "\n" : ",\n").append(indent + 2, ' ');
    write(i);
  }
  if (count > 0) out.append("\n").append(indent, ' ');
  out.push_back(brackets[1]);
}

void append_pretty(std::string& out, const json::value& value, size_t indent) {
  if (const json::array* array = value.if_array()) {
    append_lines(out, "[]", array->size(), indent,
                 [&](size_t i) { append_pretty(out, (*array)[i], indent + 2); });
  } else if (const json::object* object = value.if_object()) {
    append_lines(out, "{}", object->size(), indent, [&](size_t i) {
      const auto member = object->begin() + static_cast<std::ptrdiff_t>(i);
      out.append(json::serialize(member->key())).append(": ");
      append_pretty(out, member->value(), indent + 2);
    });
  } else {
    append_json(out, value);
  }
}

/// The patch as the reference server prints it: two blanks, members in the order op, path, from, value.
std::string pretty(const json::array& patch) {
  json::array shown;
  for (const json::value& entry : patch) {
    json::object line;
    for (std::string_view name : {"op", "path", "from", "value"}) {
      const json::value* member = entry.is_object() ? entry.get_object().if_contains(name) : nullptr;
      if (member != nullptr) {
        line.emplace(name, *member);
      } else if (name == "from") {
        line.emplace(name, "");
      }
    }
    shown.push_back(std::move(line));
  }
  std::string out;
  append_pretty(out, shown, 0);
  return out;
}

}  // namespace

Result<json::value> apply_patch(const json::value& document, const json::value& patch) {
  if (!patch.is_array()) return Error(ErrorCode::kNotAcceptable, "a patch must be an array of operations");
  if (patch.get_array().size() > kMaxOperations) {
    return Error(ErrorCode::kTooLarge, fmt::format("a patch may have at most {} operations", kMaxOperations));
  }
  json::value result = document;
  size_t line = 0;
  size_t copied = 0;
  for (const json::value& entry : patch.get_array()) {
    const Result<Operation> operation = decode(entry, line);
    if (!operation) return operation.error();
    if (const Trouble trouble = apply_one(result, *operation, copied)) {
      return Error(
          ErrorCode::kConflict, "", "", "",
          {fmt::format("Patch error at line {}: {}", line, *trouble), "Patch: " + pretty(patch.get_array())});
    }
    ++line;
  }
  return result;
}

}  // namespace mullion::model
