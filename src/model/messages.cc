#include "model/messages.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <initializer_list>
#include <utility>

namespace mullion::model {
namespace {

template <typename T>
concept Message = requires(const json::object& object) {
  T::read(object);
};

bool read_value(const json::value& value, std::string& out) {
  if (!value.is_string()) return false;
  out = value.get_string();
  return true;
}

bool read_value(const json::value& value, bool& out) {
  if (!value.is_bool()) return false;
  out = value.get_bool();
  return true;
}

[[maybe_unused]] bool read_value(const json::value& value, int64_t& out) {
  boost::system::error_code failure;
  const auto number = value.is_number() ? value.to_number<int64_t>(failure) : 0;
  if (!value.is_number() || failure) return false;
  out = number;
  return true;
}

bool read_value(const json::value& value, json::value& out) {
  out = value;
  return true;
}

bool read_value(const json::value& value, json::object& out) {
  if (!value.is_object()) return false;
  out = value.get_object();
  return true;
}

template <Message T>
bool read_value(const json::value& value, T& out) {
  if (!value.is_object()) return false;
  out = T::read(value.get_object());
  return true;
}

template <typename T>
bool read_value(const json::value& value, std::vector<T>& out) {
  if (!value.is_array()) return false;
  for (const json::value& item : value.get_array()) {
    T element{};
    if (read_value(item, element)) out.push_back(std::move(element));
  }
  return true;
}

template <typename T>
bool read_value(const json::value& value, std::map<std::string, T>& out) {
  if (!value.is_object()) return false;
  for (const auto& [name, item] : value.get_object()) {
    T element{};
    if (read_value(item, element)) out.emplace(name, std::move(element));
  }
  return true;
}

template <typename T>
void take(const json::object& object, std::string_view name, std::optional<T>& out) {
  const json::value* value = object.if_contains(name);
  T read{};
  if (value != nullptr && read_value(*value, read)) out = std::move(read);
}

template <typename T>
void take(const json::object& object, std::string_view name, T& out) {
  const json::value* value = object.if_contains(name);
  T read{};
  if (value != nullptr && read_value(*value, read)) out = std::move(read);
}

[[maybe_unused]] void take_rest(const json::object& object, std::initializer_list<std::string_view> known,
                                json::object& out) {
  for (const auto& member : object) {
    if (std::ranges::find(known, std::string_view(member.key())) == known.end())
      out[member.key()] = member.value();
  }
}

json::value written(const std::string& text) { return json::string(text); }
json::value written(bool flag) { return flag; }
[[maybe_unused]] json::value written(int64_t number) { return number; }
json::value written(const json::value& value) { return value; }
json::value written(const json::object& object) { return object; }

template <Message T>
json::value written(const T& message) {
  return message.write();
}

template <typename T>
json::value written(const std::vector<T>& list) {
  json::array out;
  for (const T& item : list) out.push_back(written(item));
  return out;
}

template <typename T>
json::value written(const std::map<std::string, T>& map) {
  json::object out;
  for (const auto& [name, item] : map) out[name] = written(item);
  return out;
}

template <typename T>
void put(json::object& object, std::string_view name, const std::optional<T>& value) {
  if (value) object[name] = written(*value);
}

template <typename T>
void put(json::object& object, std::string_view name, const T& value) {
  object[name] = written(value);
}

}  // namespace

#include "model/messages_code.inc"

}  // namespace mullion::model
