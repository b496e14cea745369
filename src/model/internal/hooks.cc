#include "model/internal/hooks.h"

#include <boost/json.hpp>
#include <charconv>
#include <set>

namespace mullion::model::internal {
namespace {

using Hook = void (*)(const json::object& object, const json::object* before, const Lookup& lookup,
                      bool force, Verdict& verdict);

const json::array* list_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_array();
}

bool boolean_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

int64_t integer_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

bool is_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool separator = i % 3 == 2;
    if (separator ? (text[i] != ':' && text[i] != '-')
                  : std::isxdigit(static_cast<unsigned char>(text[i])) == 0)
      return false;
  }
  return true;
}

void check_machine(const json::object& machine, const json::object*, const Lookup& lookup, bool,
                   Verdict& verdict) {
  const std::string key(text_of(machine, "Uuid"));
  const std::string_view arch = text_of(machine, "Arch");
  const std::string_view canonical = canonical_word("archAliases", arch);
  if (canonical.empty()) {
    verdict.invalid.push_back(fmt::format("{}: Unsupported arch {}", key, arch));
  } else if (canonical != arch) {
    verdict.invalid.push_back(fmt::format("{}: Please use {} for Arch instead of {}", key, canonical, arch));
  }
  if (const json::array* addresses = list_of(machine, "HardwareAddrs")) {
    for (const json::value& address : *addresses) {
      const std::string_view text = address.is_string() ? std::string_view(address.get_string()) : "";
      if (!is_mac(text)) {
        verdict.invalid.push_back(
            fmt::format("{}: Invalid Hardware Address `{}`: not a MAC address", key, text));
      }
    }
  }
  const std::string_view name = text_of(machine, "BootEnv");
  const std::optional<json::object> boot_env = name.empty() ? std::nullopt : lookup.find("bootenvs", name);
  if (boot_env && boolean_of(*boot_env, "OnlyUnknown")) {
    verdict.invalid.push_back(
        fmt::format("BootEnv {} does not allow Machine assignments, it has the OnlyUnknown flag.", name));
  } else if (boot_env && !boolean_of(*boot_env, "Available")) {
    verdict.unavailable.push_back(fmt::format("BootEnv {} is not available", name));
  }
}

void check_param(const json::object& param, const json::object*, const Lookup&, bool, Verdict& verdict) {
  const json::value* schema = param.if_contains("Schema");
  if (schema == nullptr || !schema->is_object()) return;
  const json::value* fallback = schema->get_object().if_contains("default");
  if (fallback == nullptr) return;
  if (const Result<void> fits = check_schema(*schema, *fallback); !fits) {
    verdict.invalid.push_back(
        fmt::format("{}: Error in default value: {}", text_of(param, "Name"), fits.error().messages.front()));
  }
}

void check_task(const json::object& task, const json::object*, const Lookup&, bool, Verdict& verdict) {
  const json::array* templates = list_of(task, "Templates");
  if (templates == nullptr) return;
  const std::string key(text_of(task, "Name"));
  bool bad_word = false;
  std::vector<std::string> with, without;
  for (size_t i = 0; i < templates->size(); ++i) {
    if (!(*templates)[i].is_object()) continue;
    const json::object& item = (*templates)[i].get_object();
    const json::value* meta = item.if_contains("Meta");
    const std::string_view systems =
        meta != nullptr && meta->is_object() ? text_of(meta->get_object(), "OS") : "";
    const std::string label = fmt::format("Template[{}] {}", i, text_of(item, "Name"));
    if (systems.empty()) {
      without.push_back(label + " is missing OS metadata");
      continue;
    }
    with.push_back(fmt::format("{} has OS metadata {}", label, systems));
    std::string word;
    for (const char c : std::string(systems) + ",") {
      if (c == ',') {
        if (canonical_word("taskOS", word).empty()) {
          verdict.invalid.push_back(fmt::format("{}: Template[{}]: Invalid OS value {}", key, i, word));
          bad_word = true;
        }
        word.clear();
      } else if (c != ' ') {
        word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
      }
    }
  }
  if (bad_word) {
    verdict.invalid.push_back(fmt::format(
        "{}: Valid values are: any,darwin,esxi,freebsd,linux,netbsd,openbsd,solaris,windows", key));
  }
  if (with.empty() || without.empty()) return;
  verdict.invalid.push_back(
      fmt::format("{}: Cannot mix templates with OS metadata and templates without OS metadata", key));
  for (const std::string& line : without) verdict.invalid.push_back(fmt::format("{}: {}", key, line));
  for (const std::string& line : with) verdict.invalid.push_back(fmt::format("{}: {}", key, line));
}

bool parse_cidr(std::string_view text, uint32_t& network, int& bits) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || !parse_ipv4(text.substr(0, slash), network)) return false;
  const std::string_view length = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  return error == std::errc{} && end == length.data() + length.size() && bits >= 0 && bits <= 32;
}

void check_subnet_change(const json::object& subnet, const json::object& before, Verdict& verdict) {
  const std::string key(text_of(subnet, "Name"));
  if (text_of(before, "Strategy") != text_of(subnet, "Strategy")) {
    verdict.invalid.push_back(fmt::format("{}: Strategy cannot change", key));
  }
  if (text_of(before, "Subnet") != text_of(subnet, "Subnet")) {
    verdict.invalid.push_back(fmt::format("{}: Subnet range cannot change", key));
  }
}

void check_subnet(const json::object& subnet, const json::object* before, const Lookup&, bool,
                  Verdict& verdict) {
  const std::string key(text_of(subnet, "Name"));
  auto refuse = [&](std::string_view text) { verdict.invalid.push_back(fmt::format("{}: {}", key, text)); };
  uint32_t network = 0;
  int bits = 0;
  const std::string_view range = text_of(subnet, "Subnet");
  if (!parse_cidr(range, network, bits))
    return refuse(fmt::format("Invalid subnet {}: invalid CIDR address: {}", range, range));
  if (text_of(subnet, "Strategy").empty()) refuse("Strategy must have a value");
  if (boolean_of(subnet, "Proxy") && boolean_of(subnet, "Unmanaged"))
    refuse("Cannot be both Proxy and Unmanaged");
  if (integer_of(subnet, "ReservedLeaseTime") < 7200)
    refuse("ReservedLeaseTime must be greater than or equal to 7200 seconds");
  if (!boolean_of(subnet, "OnlyReservations") && !boolean_of(subnet, "Proxy")) {
    const uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
    uint32_t first = 0;
    uint32_t last = 0;
    const bool inside = parse_ipv4(text_of(subnet, "ActiveStart"), first) &&
                        parse_ipv4(text_of(subnet, "ActiveEnd"), last) &&
                        (first & mask) == (network & mask) && (last & mask) == (network & mask);
    if (!inside) {
      refuse("ActiveStart and ActiveEnd must be addresses inside the subnet");
    } else if (first > last) {
      refuse("ActiveStart must not be after ActiveEnd");
    }
    if (integer_of(subnet, "ActiveLeaseTime") < 60)
      refuse("ActiveLeaseTime must be greater than or equal to 60 seconds");
  }
  if (before != nullptr) check_subnet_change(subnet, *before, verdict);
}

void check_reservation(const json::object& reservation, const json::object*, const Lookup&, bool,
                       Verdict& verdict) {
  const std::string_view text = text_of(reservation, "Addr");
  uint32_t address = 0;
  const bool unicast =
      parse_ipv4(text, address) && address != 0 && address < 0xE0000000u && (address >> 24) != 127;
  if (!unicast) verdict.invalid.push_back(fmt::format("Invalid Address: {}", text));
}

/// Words a role may name; scopes are the collections and the parts of the API that are none (contract
/// auth.md).
bool known_scope(std::string_view scope) {
  constexpr std::string_view kOthers[] = {"*",      "files",   "isos",   "contents", "info",
                                          "system", "objects", "events", "logs"};
  return std::ranges::find(kOthers, scope) != std::end(kOthers) || find_object_type(scope) != nullptr;
}

bool known_action(std::string_view action) {
  constexpr std::string_view kActions[] = {
      "*",       "list",      "get",      "create", "update",    "delete",       "actions",        "action",
      "post",    "token",     "password", "log",    "getSecure", "updateSecure", "updateTaskList", "whoami",
      "upgrade", "replicate", "active",   "passive"};
  return std::ranges::find(kActions, action) != std::end(kActions) || action.starts_with("update:/") ||
         action.starts_with("action:");
}

void for_each_word(std::string_view list, const std::function<void(std::string_view)>& visit) {
  while (true) {
    const size_t comma = list.find(',');
    std::string_view word = list.substr(0, comma);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    visit(word);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

void check_role(const json::object& role, const json::object*, const Lookup&, bool, Verdict& verdict) {
  const json::array* claims = list_of(role, "Claims");
  if (claims == nullptr) return;
  const std::string key(text_of(role, "Name"));
  for (const json::value& claim : *claims) {
    if (!claim.is_object()) continue;
    for_each_word(text_of(claim.get_object(), "scope"), [&](std::string_view word) {
      if (!known_scope(word)) verdict.invalid.push_back(fmt::format("{}: No such scope '{}'", key, word));
    });
    for_each_word(text_of(claim.get_object(), "action"), [&](std::string_view word) {
      if (!known_action(word)) verdict.invalid.push_back(fmt::format("{}: No such action '{}'", key, word));
    });
  }
}

constexpr std::pair<std::string_view, Hook> kHooks[] = {
    {"machines", check_machine}, {"params", check_param},   {"reservations", check_reservation},
    {"roles", check_role},       {"subnets", check_subnet}, {"tasks", check_task},
};

}  // namespace

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

bool parse_ipv4(std::string_view text, uint32_t& out) {
  uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const size_t used = static_cast<size_t>(end - text.data());
    if (error != std::errc{} || used > 3 || number > 255) return false;
    address = address << 8 | number;
    text.remove_prefix(used);
    if (part < 3) {
      if (text.empty() || text.front() != '.') return false;
      text.remove_prefix(1);
    }
  }
  if (!text.empty()) return false;
  out = address;
  return true;
}

void run_type_hook(const ObjectType& type, const json::object& object, const json::object* before,
                   const Lookup& lookup, bool force, Verdict& verdict) {
  for (const auto& [prefix, hook] : kHooks) {
    if (prefix == type.prefix) hook(object, before, lookup, force, verdict);
  }
}

}  // namespace mullion::model::internal
