#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <optional>

#include "base/json.h"
#include "model/object.h"
#include "yaml/internal/events.h"
#include "yaml/internal/exact_numbers.h"
#include "yaml/internal/repeated_members.h"
#include "yaml/internal/scalars.h"
#include "yaml/yaml.h"

namespace mullion::yaml {

namespace {

constexpr size_t kMaxText = size_t{64} << 20;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxValues = 2'000'000;
/// What aliases repeat: documents say things twice or a hundred times, bombs say them for ever.
constexpr size_t kMaxRepeatedValues = 200'000;
constexpr size_t kMaxRepeatedText = size_t{64} << 20;

constexpr std::string_view kStandardTags = "tag:yaml.org,2002:";

/// How much a node is, with all that is in it.
struct Size {
  size_t values = 0;
  size_t text = 0;
};

struct Node {
  json::value value;
  Size size;
};

std::string shown(std::string_view tag) {
  return tag.starts_with(kStandardTags) ? fmt::format("!!{}", tag.substr(kStandardTags.size()))
                                        : std::string(tag);
}

bool is_tag(std::string_view tag, std::string_view name) {
  return tag.starts_with(kStandardTags) && tag.substr(kStandardTags.size()) == name;
}

/// The value of a scalar whose tag says what it is.
json::value tagged_value(std::string_view tag, std::string_view text, size_t line) {
  if (is_tag(tag, "str") || is_tag(tag, "timestamp") || tag == "!") return json::value(text);
  const std::optional<json::value> plain = plain_value(text);
  if (is_tag(tag, "null") && plain && plain->is_null()) return nullptr;
  if (is_tag(tag, "bool") && plain && plain->is_bool()) return *plain;
  if (is_tag(tag, "int") && plain && (plain->is_int64() || plain->is_uint64())) return *plain;
  if (is_tag(tag, "float") && plain && plain->is_number()) return *plain;
  throw Refused{fmt::format("`{}` cannot be read as {}", text, shown(tag)), line};
}

json::value scalar_value(const Event& event) {
  if (!event.tag().empty()) return tagged_value(event.tag(), event.text(), event.line());
  if (!event.is_plain()) return json::value(event.text());
  std::optional<json::value> value = plain_value(event.text());
  if (!value)
    throw Refused{fmt::format("`{}` is a number that JSON cannot say; quote it", event.text()), event.line()};
  return std::move(*value);
}

/// Keys are texts; numbers and booleans become theirs.
std::string key_text(const json::value& key, size_t line) {
  if (key.is_string()) return std::string(std::string_view(key.get_string()));
  if (!key.is_number() && !key.is_bool()) throw Refused{"a key must be a text, a number or a boolean", line};
  std::string text;
  model::append_json(text, key);
  return text;
}

bool is_merge_key(const Event& event) {
  if (event.type() != YAML_SCALAR_EVENT) return false;
  return is_tag(event.tag(), "merge") || (event.tag().empty() && event.is_plain() && event.text() == "<<");
}

/// Builds values from events.
class Composer {
 public:
  explicit Composer(std::string_view text) : events_(text) {}

  /// The documents, at most `most`; what a further one holds is refused.
  std::vector<json::value> documents(size_t most) {
    std::vector<json::value> out;
    Event start;
    events_.next(start);  // of the stream
    while (true) {
      Event event;
      events_.next(event);
      if (event.type() == YAML_STREAM_END_EVENT) return out;
      anchors_.clear();
      json::value value = next_node(0).value;
      Event end;
      events_.next(end);
      if (value.is_null()) continue;
      if (out.size() == most) {
        throw Refused{"a second document begins here, and only one is expected", event.line()};
      }
      out.push_back(std::move(value));
    }
  }

 private:
  Node next_node(int depth) {
    Event event;
    events_.next(event);
    return node(event, depth);
  }

  Node node(const Event& event, int depth) {
    if (depth > kMaxDepth) throw Refused{"nested too deeply", event.line(), true};
    if (event.type() == YAML_ALIAS_EVENT) return repeated(event);
    if (++values_ > kMaxValues)
      throw Refused{fmt::format("more than {} values", kMaxValues), event.line(), true};
    const std::string anchor(event.anchor());
    if (!anchor.empty()) anchors_[anchor] = std::nullopt;  // it does not exist inside itself
    Node made = event.type() == YAML_SCALAR_EVENT           ? scalar(event)
                : event.type() == YAML_SEQUENCE_START_EVENT ? sequence(event, depth)
                                                            : mapping(event, depth);
    if (!anchor.empty()) {
      repeat(made.size, event.line());  // a copy is kept
      anchors_[anchor] = made;
    }
    return made;
  }

  static Node scalar(const Event& event) { return {scalar_value(event), {1, event.text().size()}}; }

  Node repeated(const Event& event) {
    const auto found = anchors_.find(event.anchor());
    if (found == anchors_.end()) {
      throw Refused{fmt::format("alias *{} refers to an anchor that is not there", event.anchor()),
                    event.line()};
    }
    if (!found->second)
      throw Refused{fmt::format("alias *{} stands inside itself", event.anchor()), event.line()};
    repeat(found->second->size, event.line());
    return *found->second;
  }

  void repeat(const Size& size, size_t line) {
    repeated_values_ += size.values;
    repeated_text_ += size.text;
    if (repeated_values_ > kMaxRepeatedValues || repeated_text_ > kMaxRepeatedText) {
      throw Refused{"aliases make too much of this document", line, true};
    }
  }

  Node sequence(const Event& start, int depth) {
    if (!start.tag().empty() && start.tag() != "!" && !is_tag(start.tag(), "seq")) refuse_tag(start);
    Node out{json::array(), {1, 0}};
    while (true) {
      Event event;
      events_.next(event);
      if (event.type() == YAML_SEQUENCE_END_EVENT) return out;
      Node item = node(event, depth + 1);
      add(out.size, item.size);
      out.value.get_array().push_back(std::move(item.value));
    }
  }

  Node mapping(const Event& start, int depth) {
    if (!start.tag().empty() && start.tag() != "!" && !is_tag(start.tag(), "map")) refuse_tag(start);
    Node out{json::object(), {1, 0}};
    std::vector<json::value> merged;
    while (true) {
      Event event;
      events_.next(event);
      if (event.type() == YAML_MAPPING_END_EVENT) break;
      if (is_merge_key(event)) {
        Node source = next_node(depth + 1);
        add(out.size, source.size);
        take_sources(std::move(source.value), merged, event.line());
      } else {
        member(out, event, depth);
      }
    }
    // What the mapping itself says counts, then the first source that says it.
    for (json::value& source : merged) {
      for (auto& entry : source.get_object())
        out.value.get_object().emplace(entry.key(), std::move(entry.value()));
    }
    return out;
  }

  void member(Node& out, const Event& key_event, int depth) {
    const Node key = node(key_event, depth + 1);
    const std::string name = key_text(key.value, key_event.line());
    Node value = next_node(depth + 1);
    add(out.size, key.size);
    add(out.size, value.size);
    if (!out.value.get_object().emplace(name, std::move(value.value)).second) {
      throw Refused{fmt::format("member `{}` stands here a second time", name), key_event.line()};
    }
  }

  /// `<<: *a` and `<<: [*a, *b]`. Of several merge keys the last one counts most.
  static void take_sources(json::value source, std::vector<json::value>& merged, size_t line) {
    std::vector<json::value> taken;
    if (source.is_array()) {
      for (json::value& item : source.get_array()) taken.push_back(std::move(item));
    } else {
      taken.push_back(std::move(source));
    }
    for (const json::value& item : taken) {
      if (!item.is_object()) throw Refused{"a merge key (<<) needs a mapping, or a list of mappings", line};
    }
    merged.insert(merged.begin(), std::make_move_iterator(taken.begin()),
                  std::make_move_iterator(taken.end()));
  }

  [[noreturn]] static void refuse_tag(const Event& start) {
    throw Refused{fmt::format("tag {} is not known here", shown(start.tag())), start.line()};
  }

  static void add(Size& sum, const Size& more) {
    sum.values += more.values;
    sum.text += more.text;
  }

  Events events_;
  std::map<std::string, std::optional<Node>, std::less<>> anchors_;  // absent value: still being read
  size_t values_ = 0;
  size_t repeated_values_ = 0;
  size_t repeated_text_ = 0;
};

Error refusal(const Refused& refused) {
  const std::string where = refused.line > 0 ? fmt::format("line {}: ", refused.line) : std::string();
  const ErrorCode code = refused.too_large ? ErrorCode::kTooLarge
                         : refused.grammar ? ErrorCode::kBadRequest
                                           : ErrorCode::kInvalid;
  return Error(
      code, fmt::format("{}: {}{}", refused.grammar ? "neither JSON nor YAML" : "YAML", where, refused.why));
}

bool begins_as_json(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

Result<std::vector<json::value>> read_documents(std::string_view text, size_t most) {
  Result<json::value> parsed = parse_json(text);
  if (parsed) {
    if (const auto repeated = repeated_member(text)) {
      return refusal({fmt::format("member `{}` stands here a second time", repeated->name), repeated->line});
    }
    read_fractions_exactly(text, *parsed);
    std::vector<json::value> out;
    if (!parsed->is_null()) out.push_back(std::move(*parsed));
    return out;
  }
  if (text.size() > kMaxText) return Error(ErrorCode::kTooLarge, "YAML: larger than 64 MiB");
  try {
    return Composer(text).documents(most);
  } catch (const Refused& refused) {
    // Whoever began with a brace and wrote neither meant JSON.
    return refused.grammar && begins_as_json(text) ? parsed.error() : refusal(refused);
  }
}

}  // namespace

Result<json::value> read(std::string_view text) {
  Result<std::vector<json::value>> documents = read_documents(text, 1);
  if (!documents) return documents.error();
  return documents->empty() ? json::value(nullptr) : std::move(documents->front());
}

Result<std::vector<json::value>> read_all(std::string_view text) {
  return read_documents(text, std::numeric_limits<size_t>::max());
}

}  // namespace mullion::yaml
