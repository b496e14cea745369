// What a JSON Schema is compiled to: flat tables that refer to each other by position.
#pragma once

#include <re2/re2.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mullion::model::internal {

using NodeIndex = uint32_t;
constexpr NodeIndex kNoNode = std::numeric_limits<NodeIndex>::max();

/// In the order in which they are applied: the first finding is told, and clients compare its words.
enum class Keyword : uint8_t {
  kNever,
  kType,
  kPattern,
  kRequired,
  kMembers,
  kItems,
  kEnum,
  kConst,
  kMinimum,
  kExclusiveMinimum,
  kMaximum,
  kExclusiveMaximum,
  kMultipleOf,
  kMinLength,
  kMaxLength,
  kMinItems,
  kMaxItems,
  kMinProperties,
  kMaxProperties,
  kPropertyNames,
  kContains,
  kDependencies,
  kAllOf,
  kAnyOf,
  kOneOf,
  kNot,
  kConditional,
  kUniqueItems,
};

/// One keyword of one node.
struct Rule {
  Keyword keyword = Keyword::kNever;
  /// A node, a set of types, or a position in the table of the keyword.
  uint32_t index = 0;
  /// Bound or divisor of numbers.
  double number = 0;
  /// Bound of lengths and sizes; divisor when it is a whole number, else 0.
  uint64_t count = 0;
};

/// A schema within the schema.
struct Node {
  uint32_t first_rule = 0;
  uint32_t rules = 0;
  /// The node that stands for this one ($ref); itself never a reference.
  NodeIndex reference = kNoNode;
};

struct Pattern {
  std::string text;
  std::unique_ptr<const RE2> regex;
};

/// `properties`, `patternProperties` and `additionalProperties` of one node.
struct Members {
  std::vector<std::pair<std::string, NodeIndex>> named;  // sorted
  std::vector<std::pair<uint32_t, NodeIndex>> matching;  // position of the pattern
  NodeIndex others = kNoNode;
};

/// `items` and `additionalItems`.
struct Items {
  std::vector<NodeIndex> leading;
  NodeIndex others = kNoNode;
};

struct Dependency {
  std::string name;
  std::vector<std::string> needs;
  NodeIndex node = kNoNode;
};

/// Values of `enum` and `const`.
struct Choice {
  std::vector<std::string> canonical;  // sorted
  std::string shown;
};

struct Conditional {
  NodeIndex condition = kNoNode;
  NodeIndex then = kNoNode;
  NodeIndex otherwise = kNoNode;
};

/// Bits of Rule::index of Keyword::kType.
enum TypeBit : uint32_t {
  kNullBit = 1,
  kBooleanBit = 2,
  kIntegerBit = 4,
  kNumberBit = 8,
  kStringBit = 16,
  kArrayBit = 32,
  kObjectBit = 64,
};

/// Memory of one pattern, compiled and at work.
constexpr int64_t kPatternMemory = 256 * 1024;

struct SchemaForm {
  std::vector<Node> nodes;  // the first is the whole
  std::vector<Rule> rules;
  std::vector<Pattern> patterns;
  std::vector<Members> members;
  std::vector<Items> items;
  std::vector<std::vector<std::string>> names;
  std::vector<std::vector<NodeIndex>> lists;
  std::vector<std::vector<Dependency>> dependencies;
  std::vector<Choice> choices;
  std::vector<Conditional> conditionals;
  size_t text_bytes = 0;  // of the schema, about
};

}  // namespace mullion::model::internal
