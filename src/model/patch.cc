#include <boost/json.hpp>
#include <charconv>
#include <optional>

#include "model/object.h"

namespace mullion::model {
namespace {

constexpr size_t kMaxOperations = 10'000;
constexpr size_t kPatchBytesPerStep = 64;
/// Of a pointer: no document nests as deep, and each part costs more memory than the slash that begins it.
constexpr size_t kMostPointerParts = 1000;
/// What an error repeats of a patch.
constexpr size_t kShownPatchBytes = 64 * 1024;

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

/// Tokens of an RFC 6901 pointer; absent when the text is no pointer, or one that leads nowhere by its
/// length.
std::optional<std::vector<std::string>> split_pointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (std::ranges::count(pointer, '/') > static_cast<std::ptrdiff_t>(kMostPointerParts)) return std::nullopt;
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
struct Trouble {
  std::string text;
  ErrorCode code = ErrorCode::kConflict;
};
using Outcome = std::optional<Trouble>;

Outcome missing(std::string_view path) {
  return Trouble{fmt::format("`{:.200}` does not point to an existing location", path)};
}

/// How large a value is: bytes of its text (about) and nesting.
struct Extent {
  size_t bytes = 0;
  size_t depth = 0;
};

/// Measures values. Each costs a step; when there is none left, what it says is too little.
class Measure {
 public:
  explicit Measure(Budget& budget) : budget_(budget) {}

  Extent of(const json::value& value) {
    extent_ = {};
    add(value, 0);
    return extent_;
  }

 private:
  void add(const json::value& value, size_t depth) {
    constexpr size_t kScalar = 8;
    constexpr size_t kBrackets = 2;
    extent_.depth = std::max(extent_.depth, depth);
    if (const json::string* text = value.if_string()) return add_text(*text);
    extent_.bytes += value.is_structured() ? kBrackets : kScalar;
    if (!budget_.spend()) return;
    if (const json::array* array = value.if_array()) {
      for (size_t i = 0; i < array->size() && !budget_.exhausted(); ++i) add((*array)[i], depth + 1);
    } else if (const json::object* object = value.if_object()) {
      for (const auto& member : *object) {
        if (budget_.exhausted()) return;
        add_text(member.key());
        add(member.value(), depth + 1);
      }
    }
  }

  void add_text(std::string_view text) {
    constexpr size_t kQuotes = 3;  // and what divides it from the next
    extent_.bytes += text.size() + kQuotes;
    budget_.spend(1 + text.size() / kPatchBytesPerStep);
  }

  Budget& budget_;
  Extent extent_;
};

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

/// A document while a patch is applied to it: it is never larger than the limits allow.
class Patching {
 public:
  Patching(json::value document, Budget& budget, const PatchLimits& limits)
      : measure_(budget), budget_(budget), limits_(limits), document_(std::move(document)) {
    bytes_ = measure_.of(document_).bytes;
  }

  Outcome apply(const Operation& operation) {
    Outcome outcome = budget_.exhausted() ? std::nullopt : change(operation);
    if (!budget_.exhausted()) return outcome;
    return Trouble{fmt::format("the patch takes more than {} steps", budget_.total()), ErrorCode::kTooLarge};
  }

  json::value take() { return std::move(document_); }

 private:
  Outcome change(const Operation& operation) {
    if (operation.name == "add") return add(operation, *operation.value);
    if (operation.name == "remove") return remove(operation.path, operation.path_text);
    if (operation.name == "replace") return replace(operation);
    if (operation.name == "test") return test(operation);
    json::value* source = locate(document_, operation.from);
    if (source == nullptr) return missing(operation.from_text);
    if (operation.name == "copy") return add(operation, *source);
    return move(operation, *source);
  }

  Outcome move(const Operation& operation, json::value& source) {
    if (is_prefix(operation.from, operation.path)) return Trouble{"cannot move a value into itself"};
    const Extent extent = measure_.of(source);
    json::value moved = std::exchange(source, nullptr);
    bytes_ = bytes_ - std::min(bytes_, extent.bytes) + measure_.of(source).bytes;
    if (Outcome outcome = remove(operation.from, operation.from_text)) return outcome;
    return put(operation, std::move(moved), extent);
  }

  /// Makes room for `added` where `replaced` was; refused when there is none.
  Outcome resize(const Extent& added, size_t replaced, size_t depth) {
    if (depth + added.depth > limits_.depth) {
      return Trouble{fmt::format("the result is nested deeper than {}", limits_.depth), ErrorCode::kTooLarge};
    }
    const size_t bytes = bytes_ - std::min(bytes_, replaced) + added.bytes;
    if (bytes > limits_.bytes && bytes > bytes_) {
      return Trouble{fmt::format("the result is larger than {} bytes", limits_.bytes), ErrorCode::kTooLarge};
    }
    bytes_ = bytes;
    return {};
  }

  /// Copies `value`, which may be a part of the document.
  Outcome add(const Operation& operation, const json::value& value) {
    const Extent extent = measure_.of(value);
    if (budget_.exhausted()) return {};
    return put(operation, value, extent);
  }

  Outcome put(const Operation& operation, json::value value, const Extent& extent) {
    if (operation.path.empty()) {
      if (Outcome outcome = resize(extent, bytes_, 0)) return outcome;
      document_ = std::move(value);
      return {};
    }
    json::value* parent = locate(document_, std::span(operation.path).first(operation.path.size() - 1));
    if (parent != nullptr && parent->is_object()) {
      return put_member(parent->get_object(), operation, std::move(value), extent);
    }
    if (parent != nullptr && parent->is_array()) {
      return put_item(parent->get_array(), operation, std::move(value), extent);
    }
    return missing(operation.path_text);
  }

  Outcome put_member(json::object& object, const Operation& operation, json::value value,
                     const Extent& extent) {
    const std::string& name = operation.path.back();
    const json::value* earlier = object.if_contains(name);
    const size_t replaced = earlier == nullptr ? 0 : measure_.of(*earlier).bytes + name.size();
    const Extent member{extent.bytes + name.size(), extent.depth};
    if (Outcome outcome = resize(member, replaced, operation.path.size())) return outcome;
    object[name] = std::move(value);
    return {};
  }

  Outcome put_item(json::array& array, const Operation& operation, json::value value, const Extent& extent) {
    const std::string& token = operation.path.back();
    const std::optional<size_t> position = token == "-" ? array.size() : array_position(token, array.size());
    if (!position) return missing(operation.path_text);
    if (Outcome outcome = resize(extent, 0, operation.path.size())) return outcome;
    if (!spend_on_shift(array.size() - *position)) return {};
    array.insert(array.begin() + static_cast<std::ptrdiff_t>(*position), std::move(value));
    return {};
  }

  /// What stands behind a place in a list moves by one.
  bool spend_on_shift(size_t items) {
    return budget_.spend(items * sizeof(json::value) / kPatchBytesPerStep);
  }

  Outcome remove(std::span<const std::string> path, std::string_view text) {
    if (path.empty()) {
      document_ = nullptr;
      bytes_ = 0;
      return {};
    }
    json::value* parent = locate(document_, path.first(path.size() - 1));
    json::value* gone = parent == nullptr ? nullptr : step(*parent, path.back());
    if (gone == nullptr) return missing(text);
    bytes_ -= std::min(bytes_, measure_.of(*gone).bytes);
    if (parent->is_object()) {
      bytes_ -= std::min(bytes_, path.back().size());
      parent->get_object().erase(path.back());
      return {};
    }
    json::array& array = parent->get_array();
    const size_t position = *array_position(path.back(), array.size() - 1);
    if (!spend_on_shift(array.size() - position)) return {};
    array.erase(array.begin() + static_cast<std::ptrdiff_t>(position));
    return {};
  }

  Outcome replace(const Operation& operation) {
    json::value* target = locate(document_, operation.path);
    if (target == nullptr) return missing(operation.path_text);
    const Extent extent = measure_.of(*operation.value);
    const size_t replaced = measure_.of(*target).bytes;
    if (Outcome outcome = resize(extent, replaced, operation.path.size())) return outcome;
    *target = *operation.value;
    return {};
  }

  Outcome test(const Operation& operation) {
    json::value* target = locate(document_, operation.path);
    measure_.of(*operation.value);  // comparing goes no further than this
    if (budget_.exhausted()) return {};
    const bool holds = target != nullptr
                           ? equal(*target, *operation.value)
                           : operation.value->is_null() && is_absent_member(document_, operation);
    if (!holds) return Trouble{"Test op failed."};
    return {};
  }

  Measure measure_;
  Budget& budget_;
  const PatchLimits& limits_;
  json::value document_;
  size_t bytes_ = 0;
};

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
    return undecodable(line, fmt::format("unknown op `{:.200}`", operation.name));
  }
  const json::value* path_member = object.if_contains("path");
  if (path_member == nullptr || !path_member->is_string()) return undecodable(line, "path is missing");
  operation.path_text = path_member->get_string();
  std::optional<std::vector<std::string>> path = split_pointer(operation.path_text);
  if (!path) {
    return undecodable(line, fmt::format("path `{:.200}` is not a JSON pointer of at most {} parts",
                                         operation.path_text, kMostPointerParts));
  }
  operation.path = std::move(*path);
  operation.value = object.if_contains("value");
  const bool needs_value = operation.name == "add" || operation.name == "replace" || operation.name == "test";
  static const json::value null_value;
  // The reference client leaves an empty value out of its operations.
  if (needs_value && operation.value == nullptr) operation.value = &null_value;
  if (operation.name == "move" || operation.name == "copy") {
    operation.from_text = string_member(object, "from");
    std::optional<std::vector<std::string>> from = split_pointer(operation.from_text);
    if (!from) {
      return undecodable(line,
                         fmt::format("from is not a JSON pointer of at most {} parts", kMostPointerParts));
    }
    operation.from = std::move(*from);
  }
  return operation;
}

/// A patch as the reference server prints it: two blanks, members in the order op, path, from, value. It ends
/// where there are more bytes than an error shows: indentation makes a text much longer than the patch was.
class PrettyPatch {
 public:
  std::string of(const json::array& patch) {
    append_lines("[]", patch, 0, [this](const json::value& entry) { append_operation(entry); });
    if (!full()) return std::move(out_);
    out_.resize(kShownPatchBytes);
    while (!out_.empty() && (static_cast<unsigned char>(out_.back()) & 0x80) != 0) out_.pop_back();
    return out_ + "...";
  }

 private:
  bool full() const { return out_.size() > kShownPatchBytes; }

  /// Writes items between brackets, one a line; `write(item)` appends one.
  template <typename Items, typename Write>
  void append_lines(std::string_view brackets, const Items& items, size_t indent, Write write) {
    out_.push_back(brackets[0]);
    bool first = true;
    for (const auto& item : items) {
      if (full()) return;
      out_.append(first ? "\n" : ",\n").append(indent + 2, ' ');
      first = false;
      write(item);
    }
    if (!first) out_.append("\n").append(indent, ' ');
    out_.push_back(brackets[1]);
  }

  void append_operation(const json::value& entry) {
    static const json::value no_source("");
    std::vector<std::pair<std::string_view, const json::value*>> members;
    for (std::string_view name : {"op", "path", "from", "value"}) {
      const json::value* member = entry.is_object() ? entry.get_object().if_contains(name) : nullptr;
      if (member == nullptr && name == "from") member = &no_source;
      if (member != nullptr) members.emplace_back(name, member);
    }
    append_lines("{}", members, 2,
                 [this](const auto& member) { append_member(member.first, *member.second, 4); });
  }

  void append_member(std::string_view name, const json::value& value, size_t indent) {
    out_.append(json::serialize(json::string_view(name))).append(": ");
    append(value, indent);
  }

  void append(const json::value& value, size_t indent) {
    if (const json::array* array = value.if_array()) {
      append_lines("[]", *array, indent, [&](const json::value& item) { append(item, indent + 2); });
    } else if (const json::object* object = value.if_object()) {
      append_lines("{}", *object, indent, [&](const json::key_value_pair& member) {
        append_member(member.key(), member.value(), indent + 2);
      });
    } else {
      append_json(out_, value);
    }
  }

  std::string out_;
};

}  // namespace

Result<json::value> apply_patch(json::value document, const json::value& patch, Budget& budget,
                                const PatchLimits& limits) {
  if (!patch.is_array()) return Error(ErrorCode::kNotAcceptable, "a patch must be an array of operations");
  if (patch.get_array().size() > kMaxOperations) {
    return Error(ErrorCode::kTooLarge, fmt::format("a patch may have at most {} operations", kMaxOperations));
  }
  Patching patching(std::move(document), budget, limits);
  size_t line = 0;
  for (const json::value& entry : patch.get_array()) {
    const Result<Operation> operation = decode(entry, line);
    if (!operation) return operation.error();
    if (const Outcome outcome = patching.apply(*operation)) {
      return Error(outcome->code, "", "", "",
                   {fmt::format("Patch error at line {}: {}", line, outcome->text),
                    "Patch: " + PrettyPatch().of(patch.get_array())});
    }
    ++line;
  }
  return patching.take();
}

Result<json::value> apply_patch(json::value document, const json::value& patch) {
  Budget budget(kPatchSteps);
  return apply_patch(std::move(document), patch, budget);
}

}  // namespace mullion::model
