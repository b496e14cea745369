#include "yaml/internal/repeated_members.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <unordered_set>
#include <vector>

namespace mullion::yaml {

namespace {

namespace json = boost::json;

/// Told of every part of a JSON text; stops at the first member that its object has already.
struct Handler {
  static constexpr size_t max_object_size = static_cast<size_t>(-1);
  static constexpr size_t max_array_size = static_cast<size_t>(-1);
  static constexpr size_t max_key_size = static_cast<size_t>(-1);
  static constexpr size_t max_string_size = static_cast<size_t>(-1);

  using Code = json::error_code;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(size_t, Code&) { return true; }
  bool on_object_begin(Code&) {
    open.emplace_back();
    return true;
  }
  bool on_object_end(size_t, Code&) {
    open.pop_back();
    return true;
  }
  bool on_key_part(json::string_view part, size_t, Code&) {
    name.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, size_t, Code& failure) {
    name.append(part.data(), part.size());
    if (!open.back().insert(name).second) {
      found = name;
      failure = make_error_code(json::error::object_too_large);
      return false;
    }
    name.clear();
    return true;
  }
  bool on_string_part(json::string_view, size_t, Code&) { return true; }
  bool on_string(json::string_view, size_t, Code&) { return true; }
  bool on_number_part(json::string_view, Code&) { return true; }
  bool on_int64(int64_t, json::string_view, Code&) { return true; }
  bool on_uint64(uint64_t, json::string_view, Code&) { return true; }
  bool on_double(double, json::string_view, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(json::string_view, Code&) { return true; }
  bool on_comment(json::string_view, Code&) { return true; }

  std::vector<std::unordered_set<std::string>> open;
  std::string name;
  std::optional<std::string> found;
};

}  // namespace

std::optional<RepeatedMember> repeated_member(std::string_view json_text) {
  json::parse_options options;
  options.max_depth = 256;  // whoever parsed the text before has set the limit that counts
  json::basic_parser<Handler> parser(options);
  boost::system::error_code failure;
  const size_t used = parser.write_some(false, json_text.data(), json_text.size(), failure);
  std::optional<std::string>& found = parser.handler().found;
  if (!found) return std::nullopt;
  const auto lines =
      std::count(json_text.begin(), json_text.begin() + static_cast<std::ptrdiff_t>(used), '\n');
  return RepeatedMember{std::move(*found), static_cast<size_t>(lines) + 1};
}

}  // namespace mullion::yaml
