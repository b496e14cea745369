#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "model/object.h"
#include "yaml/internal/scalars.h"
#include "yaml/yaml.h"

namespace mullion::yaml {

namespace {

constexpr size_t kStep = 2;
/// Readers look no more than 1024 characters ahead for the colon behind a key.
constexpr size_t kLongestSimpleKey = 1000;

std::vector<const json::key_value_pair*> sorted_members(const json::object& object) {
  std::vector<const json::key_value_pair*> members;
  for (const auto& member : object) members.push_back(&member);
  std::sort(members.begin(), members.end(),
            [](const auto* left, const auto* right) { return left->key() < right->key(); });
  return members;
}

std::string flow_text(std::string_view text) {
  return is_safe_plain(text) ? std::string(text) : quoted(text);
}

/// YAML 1.1 knows exponents only behind a point and with a sign.
std::string number_text(const json::value& value) {
  if (!value.is_double()) return json::serialize(value);
  std::string text = fmt::format("{}", value.get_double());  // the shortest that is this number and no other
  if (text == "-0") return "-0.0";                           // as a whole number it has no sign
  const size_t exponent = text.find('e');
  if (exponent == std::string::npos) return text;
  if (text[exponent + 1] != '-' && text[exponent + 1] != '+') text.insert(exponent + 1, "+");
  if (text.find('.') == std::string::npos) text.insert(exponent, ".0");
  return text;
}

class Writer {
 public:
  void value(const json::value& value, size_t indent, bool after_dash) {
    if (!is_block(value)) return scalar(value, indent);
    if (value.is_object()) return object(value.get_object(), indent, after_dash);
    array(value.get_array(), indent, after_dash);
  }

  std::string take() { return std::move(out_); }

 private:
  static bool is_block(const json::value& value) {
    return (value.is_object() && !value.get_object().empty()) ||
           (value.is_array() && !value.get_array().empty());
  }

  void scalar(const json::value& value, size_t indent) {
    const json::string* text = value.if_string();
    if (text != nullptr && !text->empty() && fits_literal_block(*text))
      return literal(*text, std::max(indent, kStep));
    if (text != nullptr) {
      out_ += flow_text(*text);
    } else if (value.is_number()) {
      out_ += number_text(value);
    } else {
      model::append_json(out_, value);
    }
    out_ += '\n';
  }

  void literal(std::string_view text, size_t indent) {
    const bool ends_with_newline = text.back() == '\n';
    const bool several = text.ends_with("\n\n");
    out_ += several ? "|+" : ends_with_newline ? "|" : "|-";
    if (ends_with_newline) text.remove_suffix(1);
    while (true) {
      const size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      out_ += '\n';
      if (!line.empty()) out_.append(indent, ' ').append(line);
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
    out_ += '\n';
  }

  void key(std::string_view name, size_t indent) {
    const std::string text = flow_text(name);
    if (text.size() <= kLongestSimpleKey) {
      out_ += text;
    } else {
      out_.append("? ").append(text).append("\n").append(indent, ' ');
    }
    out_ += ':';
  }

  void object(const json::object& object, size_t indent, bool after_dash) {
    for (const json::key_value_pair* member : sorted_members(object)) {
      if (!after_dash) out_.append(indent, ' ');
      after_dash = false;
      key(member->key(), indent);
      const json::value& inner = member->value();
      out_ += is_block(inner) ? '\n' : ' ';
      // Lists stand where their key stands, as everybody writes them.
      value(inner, inner.is_array() && is_block(inner) ? indent : indent + kStep, false);
    }
  }

  void array(const json::array& array, size_t indent, bool after_dash) {
    for (const json::value& item : array) {
      if (!after_dash) out_.append(indent, ' ');
      after_dash = false;
      out_ += "- ";
      value(item, indent + kStep, true);
    }
  }

  std::string out_;
};

}  // namespace

std::string write(const json::value& value) {
  Writer writer;
  writer.value(value, 0, false);
  return writer.take();
}

}  // namespace mullion::yaml
