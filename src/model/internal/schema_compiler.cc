#include "model/internal/schema_compiler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "base/percent.h"
#include "model/internal/canonical_value.h"

namespace mullion::model::internal {
namespace {

constexpr size_t kMostNodes = 100'000;
constexpr size_t kMostPatterns = 128;
constexpr size_t kLongestPattern = 8 * 1024;
/// Schemas that apply to the same value are followed so deep.
constexpr size_t kDeepestNesting = 128;
/// What texts of findings show of a value or a pattern.
constexpr size_t kShownBytes = 200;

constexpr std::pair<std::string_view, uint32_t> kTypes[] = {
    {"null", kNullBit},
    {"boolean", kBooleanBit},
    {"integer", kIntegerBit},
    {"number", kNumberBit},
    {"string", kStringBit},
    {"array", kArrayBit},
    {"object", kObjectBit},
    {"any", kNullBit | kBooleanBit | kNumberBit | kStringBit | kArrayBit | kObjectBit},
};

/// Bytes of a text that starts in the middle of a character are left out at its end.
std::string shortened(std::string_view text) {
  if (text.size() <= kShownBytes) return std::string(text);
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

bool is_schema(const json::value& value) { return value.is_object() || value.is_bool(); }

/// Compiles nodes one after the other; what a node mentions waits in `sources_` until it is its turn, so the
/// depth of a schema costs no stack.
class Compiler {
 public:
  Compiler(const json::value& root, Budget& budget) : root_(root), budget_(budget) {}

  Result<std::unique_ptr<SchemaForm>> run() {
    refer(root_);
    for (NodeIndex next = 0; next < sources_.size() && fine(); ++next) compile_node(next);
    if (fine()) settle_references();
    if (fine()) check_nesting();
    if (budget_.exhausted()) {
      return Error(ErrorCode::kTooLarge,
                   fmt::format("compiling the schema takes more than {} steps", budget_.total()));
    }
    if (!trouble_.empty()) return Error(ErrorCode::kInvalid, trouble_);
    return std::move(form_);
  }

 private:
  using Handler = void (Compiler::*)(const json::value&);

  bool fine() const { return trouble_.empty() && !budget_.exhausted(); }

  void refuse(std::string text) {
    if (trouble_.empty()) trouble_ = std::move(text);
  }

  /// The node of a schema that is mentioned; made when it is mentioned for the first time.
  NodeIndex refer(const json::value& schema) {
    const auto [known, fresh] = known_.emplace(&schema, static_cast<NodeIndex>(sources_.size()));
    if (!fresh) return known->second;
    if (sources_.size() >= kMostNodes) {
      refuse(fmt::format("the schema has more than {} parts", kMostNodes));
      return 0;
    }
    sources_.push_back(&schema);
    form_->nodes.emplace_back();
    budget_.spend();
    return known->second;
  }

  NodeIndex refer_to(std::string_view word, const json::value& schema) {
    if (is_schema(schema)) return refer(schema);
    refuse(fmt::format("{} must be a schema", word));
    return 0;
  }

  void compile_node(NodeIndex index) {
    const json::value& source = *sources_[index];
    rules_.clear();
    if (const json::object* keywords = source.if_object()) {
      compile_keywords(index, *keywords);
    } else if (!source.get_bool()) {
      add({Keyword::kNever});
    }
    std::ranges::stable_sort(rules_, {}, &Rule::keyword);
    form_->nodes[index].first_rule = static_cast<uint32_t>(form_->rules.size());
    form_->nodes[index].rules = static_cast<uint32_t>(rules_.size());
    form_->rules.insert(form_->rules.end(), rules_.begin(), rules_.end());
  }

  /// A reference stands alone: what is beside it is not looked at (drafts 4 to 7).
  void compile_keywords(NodeIndex index, const json::object& keywords) {
    compile_definitions(keywords);
    if (const json::value* reference = keywords.if_contains("$ref"))
      return compile_reference(index, *reference);
    static const std::map<std::string_view, Handler> handlers = {
        {"type", &Compiler::type},
        {"pattern", &Compiler::pattern},
        {"required", &Compiler::required},
        {"enum", &Compiler::enumeration},
        {"const", &Compiler::constant},
        {"multipleOf", &Compiler::multiple_of},
        {"propertyNames", &Compiler::property_names},
        {"contains", &Compiler::contains},
        {"dependencies", &Compiler::dependencies},
        {"allOf", &Compiler::all_of},
        {"anyOf", &Compiler::any_of},
        {"oneOf", &Compiler::one_of},
        {"not", &Compiler::negation},
        {"uniqueItems", &Compiler::unique_items},
        {"minLength", &Compiler::size<Keyword::kMinLength>},
        {"maxLength", &Compiler::size<Keyword::kMaxLength>},
        {"minItems", &Compiler::size<Keyword::kMinItems>},
        {"maxItems", &Compiler::size<Keyword::kMaxItems>},
        {"minProperties", &Compiler::size<Keyword::kMinProperties>},
        {"maxProperties", &Compiler::size<Keyword::kMaxProperties>},
        {"title", &Compiler::remark},
        {"description", &Compiler::remark},
        {"format", &Compiler::remark},
    };
    for (const auto& member : keywords) {
      if (!budget_.spend()) return;
      const auto handler = handlers.find(member.key());
      if (handler == handlers.end()) continue;
      word_ = member.key();
      (this->*handler->second)(member.value());
    }
    bounds(keywords, "minimum", "exclusiveMinimum", Keyword::kMinimum, Keyword::kExclusiveMinimum);
    bounds(keywords, "maximum", "exclusiveMaximum", Keyword::kMaximum, Keyword::kExclusiveMaximum);
    members(keywords);
    items(keywords);
    conditional(keywords);
  }

  /// Also those that nothing refers to: mistakes in them are told while somebody looks.
  void compile_definitions(const json::object& keywords) {
    for (std::string_view word : {"definitions", "$defs"}) {
      const json::value* definitions = keywords.if_contains(word);
      if (definitions == nullptr || !definitions->is_object()) continue;
      for (const auto& definition : definitions->get_object()) {
        if (is_schema(definition.value())) refer(definition.value());
      }
    }
  }

  void compile_reference(NodeIndex index, const json::value& value) {
    if (!value.is_string()) return refuse("$ref must be a text");
    const std::string_view reference = value.get_string();
    if (!budget_.spend(reference.size() / kBytesPerStep)) return;
    if (reference.empty()) return refuse("reference to nothing");
    if (reference.front() != '#') {
      return refuse(fmt::format("reference to another document: {}", shortened(reference)));
    }
    boost::system::error_code failure;
    const json::value* target = root_.find_pointer(percent_decode(reference.substr(1)), failure);
    if (target == nullptr || !is_schema(*target)) {
      return refuse(fmt::format("reference to nothing: {}", shortened(reference)));
    }
    const NodeIndex node = refer(*target);  // may move the nodes
    form_->nodes[index].reference = node;
  }

  void add(Rule rule) { rules_.push_back(rule); }

  template <typename Table, typename Entry>
  void add_with(Keyword keyword, Table& table, Entry entry) {
    add({keyword, static_cast<uint32_t>(table.size())});
    table.push_back(std::move(entry));
  }

  void remark(const json::value& value) {
    if (!value.is_string()) refuse(fmt::format("{} must be a text", word_));
  }

  uint32_t type_bit(const json::value& value) {
    const json::string* name = value.if_string();
    if (name == nullptr) return refuse("type must be a text or a list of texts"), 0;
    for (const auto& [known, bit] : kTypes) {
      if (known == std::string_view(*name)) return bit;
    }
    return refuse(fmt::format("there is no type `{}`", shortened(*name))), 0;
  }

  void type(const json::value& value) {
    uint32_t bits = 0;
    if (const json::array* list = value.if_array()) {
      for (const json::value& item : *list) bits |= type_bit(item);
    } else {
      bits = type_bit(value);
    }
    add({Keyword::kType, bits});
  }

  void pattern(const json::value& value) {
    if (!value.is_string()) return refuse("pattern must be a text");
    add({Keyword::kPattern, pattern_of(value.get_string())});
  }

  uint32_t pattern_of(std::string_view text) {
    const auto known = patterns_.find(text);
    if (known != patterns_.end()) return known->second;
    if (text.size() > kLongestPattern) {
      return refuse(fmt::format("pattern `{}` is longer than {} bytes", shortened(text), kLongestPattern)), 0;
    }
    if (form_->patterns.size() >= kMostPatterns) {
      return refuse(fmt::format("the schema has more than {} patterns", kMostPatterns)), 0;
    }
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(kPatternMemory);
    auto regex = std::make_unique<const RE2>(re2::StringPiece(text.data(), text.size()), options);
    if (!regex->ok()) return refuse(fmt::format("pattern `{}`: {}", shortened(text), regex->error())), 0;
    budget_.spend(text.size() + static_cast<uint64_t>(regex->ProgramSize()));
    const uint32_t position = static_cast<uint32_t>(form_->patterns.size());
    form_->patterns.push_back({std::string(text), std::move(regex)});
    patterns_.emplace(text, position);
    return position;
  }

  /// A list of texts.
  std::vector<std::string> texts(const json::value& value) {
    std::vector<std::string> out;
    const json::array* list = value.if_array();
    if (list == nullptr) refuse(fmt::format("{} must be a list of texts", word_));
    for (size_t i = 0; list != nullptr && i < list->size() && budget_.spend(); ++i) {
      const json::string* text = (*list)[i].if_string();
      if (text == nullptr) return refuse(fmt::format("{} must be a list of texts", word_)), out;
      out.emplace_back(*text);
      form_->text_bytes += text->size();
    }
    return out;
  }

  void required(const json::value& value) { add_with(Keyword::kRequired, form_->names, texts(value)); }

  /// Appends the canonical text; false when the budget or the depth ended.
  bool choose(Choice& choice, const json::value& value) {
    std::string text;
    if (!append_canonical(text, value, budget_))
      return refuse("a value in the schema is nested too deeply"), false;
    form_->text_bytes += text.size();
    choice.canonical.push_back(std::move(text));
    if (choice.shown.size() > kShownBytes) return true;
    if (!choice.shown.empty()) choice.shown += ", ";
    std::string shown;
    append_json(shown, value);
    choice.shown += shortened(shown);
    return true;
  }

  void enumeration(const json::value& value) {
    const json::array* list = value.if_array();
    if (list == nullptr) return refuse("enum must be a list");
    Choice choice;
    for (const json::value& item : *list) {
      if (!choose(choice, item)) return;
    }
    choice.shown = shortened(choice.shown);
    std::ranges::sort(choice.canonical);
    add_with(Keyword::kEnum, form_->choices, std::move(choice));
  }

  void constant(const json::value& value) {
    Choice choice;
    if (choose(choice, value)) add_with(Keyword::kConst, form_->choices, std::move(choice));
  }

  void multiple_of(const json::value& value) {
    if (!value.is_number()) return refuse("multipleOf must be a number");
    const double divisor = value.to_number<double>();
    if (!(divisor > 0)) return refuse("multipleOf must be larger than 0");
    constexpr double kWhole = 9.0e18;
    const bool whole = std::trunc(divisor) == divisor && divisor < kWhole;
    add({Keyword::kMultipleOf, 0, divisor, whole ? static_cast<uint64_t>(divisor) : 0});
  }

  template <Keyword keyword>
  void size(const json::value& value) {
    constexpr double kWhole = 9.0e15;
    const double number = value.is_number() ? value.to_number<double>() : -1;
    if (number < 0 || std::trunc(number) != number) {
      return refuse(fmt::format("{} must be a whole number, 0 or larger", word_));
    }
    add({keyword, 0, 0, static_cast<uint64_t>(std::min(number, kWhole))});
  }

  /// Draft 4 has booleans beside the bound, later drafts have bounds of their own.
  void bounds(const json::object& keywords, std::string_view word, std::string_view exclusive_word,
              Keyword inclusive, Keyword exclusive) {
    const json::value* bound = keywords.if_contains(word);
    const json::value* other = keywords.if_contains(exclusive_word);
    if (bound != nullptr && !bound->is_number()) return refuse(fmt::format("{} must be a number", word));
    const bool shut = other != nullptr && other->is_bool() && other->get_bool();
    if (bound != nullptr) add({shut ? exclusive : inclusive, 0, bound->to_number<double>()});
    if (other == nullptr || other->is_bool()) return;
    if (!other->is_number()) return refuse(fmt::format("{} must be a number", exclusive_word));
    add({exclusive, 0, other->to_number<double>()});
  }

  const json::object& map_of(const json::object& keywords, std::string_view word) {
    static const json::object nothing;
    const json::value* value = keywords.if_contains(word);
    if (value == nullptr) return nothing;
    if (!value->is_object()) refuse(fmt::format("{} must be an object of schemas", word));
    return value->is_object() ? value->get_object() : nothing;
  }

  void members(const json::object& keywords) {
    const bool any = keywords.contains("properties") || keywords.contains("patternProperties") ||
                     keywords.contains("additionalProperties");
    if (!any) return;
    Members out;
    for (const auto& property : map_of(keywords, "properties")) {
      if (!budget_.spend()) return;
      out.named.emplace_back(property.key(), refer_to("each of properties", property.value()));
      form_->text_bytes += property.key().size();
    }
    for (const auto& property : map_of(keywords, "patternProperties")) {
      if (!fine()) return;
      out.matching.emplace_back(pattern_of(property.key()),
                                refer_to("each of patternProperties", property.value()));
    }
    std::ranges::sort(out.named);
    const json::value* others = keywords.if_contains("additionalProperties");
    if (others != nullptr) out.others = refer_to("additionalProperties", *others);
    add_with(Keyword::kMembers, form_->members, std::move(out));
  }

  void items(const json::object& keywords) {
    const json::value* value = keywords.if_contains("items");
    if (value == nullptr) return;
    Items out;
    if (!value->is_array()) {
      out.others = refer_to("items", *value);
    } else {
      out.leading = schemas("each of items", *value);
      const json::value* others = keywords.if_contains("additionalItems");
      if (others != nullptr) out.others = refer_to("additionalItems", *others);
    }
    add_with(Keyword::kItems, form_->items, std::move(out));
  }

  std::vector<NodeIndex> schemas(std::string_view word, const json::value& value) {
    std::vector<NodeIndex> out;
    const json::array* list = value.if_array();
    if (list == nullptr) return refuse(fmt::format("{} must be a list of schemas", word)), out;
    for (const json::value& item : *list) {
      if (!fine()) break;
      out.push_back(refer_to(word, item));
    }
    return out;
  }

  void all_of(const json::value& value) { add_with(Keyword::kAllOf, form_->lists, schemas(word_, value)); }
  void any_of(const json::value& value) { add_with(Keyword::kAnyOf, form_->lists, schemas(word_, value)); }
  void one_of(const json::value& value) { add_with(Keyword::kOneOf, form_->lists, schemas(word_, value)); }
  void negation(const json::value& value) { add({Keyword::kNot, refer_to(word_, value)}); }
  void contains(const json::value& value) { add({Keyword::kContains, refer_to(word_, value)}); }
  void property_names(const json::value& value) { add({Keyword::kPropertyNames, refer_to(word_, value)}); }

  void unique_items(const json::value& value) {
    if (!value.is_bool()) return refuse("uniqueItems must be a boolean");
    if (value.get_bool()) add({Keyword::kUniqueItems});
  }

  void dependencies(const json::value& value) {
    if (!value.is_object()) return refuse("dependencies must be an object");
    std::vector<Dependency> out;
    for (const auto& entry : value.get_object()) {
      if (!budget_.spend()) return;
      Dependency dependency{std::string(entry.key())};
      if (entry.value().is_array()) {
        dependency.needs = texts(entry.value());
      } else {
        dependency.node = refer_to("each of dependencies", entry.value());
      }
      form_->text_bytes += dependency.name.size();
      out.push_back(std::move(dependency));
    }
    add_with(Keyword::kDependencies, form_->dependencies, std::move(out));
  }

  void conditional(const json::object& keywords) {
    const json::value* condition = keywords.if_contains("if");
    if (condition == nullptr) return;
    Conditional out;
    out.condition = refer_to("if", *condition);
    if (const json::value* then = keywords.if_contains("then")) out.then = refer_to("then", *then);
    if (const json::value* otherwise = keywords.if_contains("else"))
      out.otherwise = refer_to("else", *otherwise);
    add_with(Keyword::kConditional, form_->conditionals, out);
  }

  /// Lets each reference name the schema at the end of its chain.
  void settle_references() {
    std::vector<NodeIndex>& chain = chain_;
    for (NodeIndex start = 0; start < form_->nodes.size(); ++start) {
      chain.clear();
      NodeIndex here = start;
      while (form_->nodes[here].reference != kNoNode && !settled(here)) {
        chain.push_back(here);
        if (chain.size() > form_->nodes.size()) return refuse("a reference leads back to itself");
        here = form_->nodes[here].reference;
      }
      if (form_->nodes[here].reference != kNoNode) here = form_->nodes[here].reference;
      for (NodeIndex node : chain) form_->nodes[node].reference = here;
      if (!budget_.spend(chain.size())) return;
    }
  }

  bool settled(NodeIndex node) const {
    const NodeIndex target = form_->nodes[node].reference;
    return form_->nodes[target].reference == kNoNode;
  }

  NodeIndex resolved(NodeIndex node) const {
    const NodeIndex target = form_->nodes[node].reference;
    return target == kNoNode ? node : target;
  }

  /// What applies to the same value as `node`.
  std::vector<NodeIndex> beside(NodeIndex node) const {
    std::vector<NodeIndex> out;
    const Node& entry = form_->nodes[node];
    for (uint32_t i = 0; i < entry.rules; ++i) add_beside(form_->rules[entry.first_rule + i], out);
    std::erase(out, kNoNode);
    for (NodeIndex& next : out) next = resolved(next);
    return out;
  }

  void add_beside(const Rule& rule, std::vector<NodeIndex>& out) const {
    switch (rule.keyword) {
      case Keyword::kNot:
        return out.push_back(rule.index);
      case Keyword::kAllOf:
      case Keyword::kAnyOf:
      case Keyword::kOneOf: {
        const std::vector<NodeIndex>& list = form_->lists[rule.index];
        out.insert(out.end(), list.begin(), list.end());
        return;
      }
      case Keyword::kConditional: {
        const Conditional& parts = form_->conditionals[rule.index];
        out.insert(out.end(), {parts.condition, parts.then, parts.otherwise});
        return;
      }
      case Keyword::kDependencies:
        for (const Dependency& dependency : form_->dependencies[rule.index]) out.push_back(dependency.node);
        return;
      default:
        return;
    }
  }

  struct Visit {
    NodeIndex node;
    std::vector<NodeIndex> beside;
    size_t next = 0;
  };

  /// Refuses schemas that come back to themselves without going into the value: judging would never end.
  void check_nesting() {
    heights_.assign(form_->nodes.size(), 0);
    open_.assign(form_->nodes.size(), false);
    for (NodeIndex start = 0; start < form_->nodes.size() && fine(); ++start) {
      if (heights_[resolved(start)] == 0) measure_from(resolved(start));
    }
  }

  /// Fills heights_ of everything beside `start`: how many schemas are nested for one value, 1 without any. A
  /// walk with a stack of its own.
  void measure_from(NodeIndex start) {
    std::vector<Visit> stack;
    open(stack, start);
    while (!stack.empty() && fine()) {
      Visit& top = stack.back();
      if (top.next < top.beside.size()) {
        const NodeIndex below = top.beside[top.next++];
        if (open_[below]) return refuse("a reference leads back to itself");
        if (heights_[below] == 0) open(stack, below);
        continue;
      }
      close(top);
      stack.pop_back();
    }
  }

  void open(std::vector<Visit>& stack, NodeIndex node) {
    open_[node] = true;
    stack.push_back({node, beside(node)});
    budget_.spend(1 + stack.back().beside.size());
  }

  void close(const Visit& visit) {
    size_t height = 0;
    for (NodeIndex below : visit.beside) height = std::max(height, heights_[below]);
    if (height >= kDeepestNesting) {
      refuse(fmt::format("more than {} schemas are nested for one value", kDeepestNesting));
    }
    heights_[visit.node] = height + 1;
    open_[visit.node] = false;
  }

  const json::value& root_;
  Budget& budget_;
  std::unique_ptr<SchemaForm> form_ = std::make_unique<SchemaForm>();
  std::vector<const json::value*> sources_;  // of the nodes
  std::unordered_map<const json::value*, NodeIndex> known_;
  std::map<std::string, uint32_t, std::less<>> patterns_;
  std::vector<Rule> rules_;  // of the node that is compiled
  std::string_view word_;    // the keyword that is compiled
  std::vector<NodeIndex> chain_;
  std::vector<size_t> heights_;
  std::vector<bool> open_;
  std::string trouble_;
};

}  // namespace

Result<std::unique_ptr<SchemaForm>> compile_schema_form(const json::value& schema, Budget& budget) {
  return Compiler(schema, budget).run();
}

}  // namespace mullion::model::internal
