#include "base/json.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "model/object.h"

namespace mullion::model {

namespace {

std::string shortest(double number) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return {buffer.data(), end};
}

double read_again(const std::string& text) { return own_json(text).to_number<double>(); }

bool reads_as_itself(double number) { return read_again(shortest(number)) == number; }

/// Boost reads long fractions up to a few units off in the last place. Numbers that would wander from reading
/// to reading are kept to 15 digits, which are coarser than that: a body keeps its bytes however often it is
/// read and written.
std::string settled(double number) {
  if (reads_as_itself(number)) return shortest(number);
  std::string text = fmt::format("{:.15g}", number);
  const double read = read_again(text);
  return reads_as_itself(read) ? shortest(read) : text;
}

void append_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out.append("null");  // cannot be said in JSON; the parser refuses such input
    return;
  }
  if (number == 0) number = 0;  // "-0" would be read as the integer 0
  out.append(settled(number));
}

void append_array(std::string& out, const json::array& array) {
  out.push_back('[');
  bool first = true;
  for (const json::value& item : array) {
    if (!first) out.push_back(',');
    first = false;
    append_json(out, item);
  }
  out.push_back(']');
}

void append_object(std::string& out, const json::object& object) {
  out.push_back('{');
  bool first = true;
  for (const auto& member : object) {
    if (!first) out.push_back(',');
    first = false;
    out.append(json::serialize(member.key())).push_back(':');
    append_json(out, member.value());
  }
  out.push_back('}');
}

}  // namespace

void append_json(std::string& out, const json::value& value) {
  if (const json::object* object = value.if_object()) return append_object(out, *object);
  if (const json::array* array = value.if_array()) return append_array(out, *array);
  if (const double* number = value.if_double()) return append_double(out, *number);
  out.append(json::serialize(value));
}

void append_with_endpoint(std::string& out, std::string_view body, std::string_view endpoint) {
  if (body.size() < 2 || body.front() != '{') {
    out.append(body);
    return;
  }
  out.append("{\"Endpoint\":").append(json::serialize(json::string_view(endpoint)));
  if (body[1] != '}') out.push_back(',');
  out.append(body.substr(1));
}

}  // namespace mullion::model
