#include "content/internal/yaml.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <yaml-cpp/yaml.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>

#include "model/object.h"

namespace mullion::content {

namespace {

namespace json = boost::json;
constexpr size_t kMaxText = size_t{64} << 20;
constexpr size_t kMaxNodes = 2'000'000;
constexpr int kMaxDepth = 64;
constexpr long kMaxIndent = 256;

/// Thrown and caught inside this file only, beside yaml-cpp's own exceptions.
struct Unusable {
  std::string_view what;
};

template <typename Number>
bool parse_number(const std::string& text, Number& out) {
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto [end, problem] = std::from_chars(begin, text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size();
}

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

json::value plain_scalar(const std::string& text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (is_one_of(text, {"true", "True", "TRUE"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE"})) return false;
  const bool number_like = text.find_first_not_of("+-.0123456789eE") == std::string::npos &&
                           text.find_first_of("0123456789") != std::string::npos;
  if (!number_like) return json::value(text);
  int64_t integer = 0;
  if (parse_number(text, integer)) return integer;
  double real = 0;
  if (parse_number(text, real) && std::isfinite(real)) return real;
  return json::value(text);
}

/// yaml-cpp hands on bytes that no JSON text may hold.
const std::string& checked(const std::string& text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) throw Unusable{"text that is not UTF-8"};
  return text;
}

class Converter {
 public:
  json::value convert(const YAML::Node& node, int depth) {
    if (depth > kMaxDepth) throw Unusable{"nested too deeply"};
    if (++nodes_ > kMaxNodes) throw Unusable{"too many nodes"};
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return node.Tag() == "?" ? plain_scalar(checked(node.Scalar())) : json::value(checked(node.Scalar()));
      case YAML::NodeType::Sequence:
        return sequence(node, depth);
      case YAML::NodeType::Map:
        return map(node, depth);
      default:
        return nullptr;
    }
  }

 private:
  json::value sequence(const YAML::Node& node, int depth) {
    json::array out;
    for (const auto& item : node) out.push_back(convert(item, depth + 1));
    return out;
  }

  json::value map(const YAML::Node& node, int depth) {
    json::object out;
    for (const auto& item : node) {
      if (!item.first.IsScalar()) throw Unusable{"a key that is not a scalar"};
      out[checked(item.first.Scalar())] = convert(item.second, depth + 1);
    }
    return out;
  }

  size_t nodes_ = 0;
};

/// yaml-cpp descends by recursion: refuse what would exhaust the stack before it starts.
bool plausible(std::string_view text) {
  long open = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') ++open;
    if (c == ']' || c == '}') --open;
    if (open > 4 * kMaxIndent) return false;
  }
  size_t dashes = 0;  // "- - - - x" nests without brackets
  for (const char c : text) {
    dashes = c == '-' || c == '?' ? dashes + 1 : (c == ' ' ? dashes : 0);
    if (dashes > 4 * kMaxIndent) return false;
  }
  return true;
}

Error unreadable(std::string_view why) {
  return Error(ErrorCode::kBadRequest, fmt::format("cannot read YAML: {}", why));
}

}  // namespace

Result<json::value> parse_yaml(std::string_view text) {
  if (text.size() > kMaxText) return Error(ErrorCode::kTooLarge, "YAML document is larger than 64 MiB");
  if (!plausible(text)) return unreadable("nested too deeply");
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    return Converter().convert(root, 0);
  } catch (const Unusable& problem) {
    return unreadable(problem.what);
  } catch (const YAML::Exception& problem) {
    return unreadable(problem.what());
  }
}

Result<json::value> parse_document(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return model::parse_json(text);
  return parse_yaml(text);
}

}  // namespace mullion::content
