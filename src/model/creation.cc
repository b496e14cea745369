// What the server writes into new objects: ObjectType::creation, made from schema/objects/*.yaml.
#include <algorithm>
#include <boost/json.hpp>
#include <cassert>

#include "base/json.h"
#include "model/internal/hooks.h"
#include "model/object.h"

namespace mullion::model {
namespace {

using internal::is_empty;

constexpr int kSubnetMask = 1;
constexpr int kBroadcast = 28;

/// "Meta.feature-flags": a member, or one of a map.
struct Place {
  std::string_view field;
  std::string_view member;  // "" for the field itself
};

Place place_of(std::string_view path) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return {path, {}};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

const json::value* read(const json::object& object, std::string_view path) {
  const Place place = place_of(path);
  const json::value* value = object.if_contains(place.field);
  if (value == nullptr || place.member.empty()) return value;
  return value->is_object() ? value->get_object().if_contains(place.member) : nullptr;
}

void write(json::object& object, std::string_view path, json::value wanted) {
  const Place place = place_of(path);
  json::value& value = object[place.field];
  if (place.member.empty()) {
    value = std::move(wanted);
    return;
  }
  if (!value.is_object()) value = json::object();
  value.get_object()[place.member] = std::move(wanted);
}

bool has_option(const json::array& options, int64_t code) {
  return std::ranges::any_of(options, [code](const json::value& option) {
    return option.is_object() && internal::integer_of(option.get_object(), "Code") == code;
  });
}

void add_option(json::array& options, int64_t code, uint32_t address) {
  if (!has_option(options, code))
    options.push_back(json::object{{"Code", code}, {"Value", internal::ipv4_text(address)}});
}

/// Clients of a network need its mask and its broadcast address: unless given, they are its own.
void add_subnet_options(json::object& subnet) {
  uint32_t network = 0;
  int bits = 0;
  json::value* options = subnet.if_contains("Options");
  if (options == nullptr || !options->is_array()) return;
  if (!internal::parse_cidr(internal::text_of(subnet, "Subnet"), network, bits)) return;
  const uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
  add_option(options->get_array(), kSubnetMask, mask);
  add_option(options->get_array(), kBroadcast, (network & mask) | ~mask);
}

struct CreationHook {
  std::string_view name;
  void (*fill)(json::object& object);
};
constexpr CreationHook kCreationHooks[] = {{"subnet_options", add_subnet_options}};

void run(std::string_view name, json::object& object) {
  const auto hook = std::ranges::find(kCreationHooks, name, &CreationHook::name);
  assert(hook != std::end(kCreationHooks));
  if (hook != std::end(kCreationHooks)) hook->fill(object);
}

void fill(const Creation& line, json::object& object) {
  if (!line.hook.empty()) return run(line.hook, object);
  const json::value* present = read(object, line.field);
  if (!line.always && present != nullptr && !is_empty(*present)) return;
  if (line.from.empty()) return write(object, line.field, own_json(line.value_json));
  const json::value* source = read(object, line.from);
  if (source == nullptr || is_empty(*source)) return;
  write(object, line.field, json::value(*source));
}

}  // namespace

void fill_new(const ObjectType& type, json::object& object) {
  for (const Creation& line : type.creation) fill(line, object);
}

}  // namespace mullion::model
