#include "cli/tree/options.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "cli/connection/known_servers.h"

namespace mullion::cli {
namespace {

constexpr FlagSpec kGlobalFlags[] = {
    {"endpoint", 'E', "URL", "Server to talk to (RS_ENDPOINT, RS_ENDPOINTS; default https://127.0.0.1:8092)"},
    {"username", 'U', "NAME", "Who logs in (RS_KEY=name:password; default rocketskates)"},
    {"password", 'P', "PASSWORD", "Password of the login (RS_KEY)"},
    {"token", 'T', "TOKEN", "Token to use instead of a login (RS_TOKEN)"},
    {"format", 'F', "FORMAT", "json, yaml, table, text or go (RS_FORMAT; default json)"},
    {"print-fields", 'J', "A,B", "Fields shown in tables, in this order (RS_PRINT_FIELDS)"},
    {"no-header", 'H', "", "Tables without header and count (RS_NO_HEADER)"},
    {"truncate-length", 'j', "N", "Longest value in a table (RS_TRUNCATE_LENGTH; default 40)"},
    {"no-color", 'N', "", "No colours (RS_NO_COLOR)"},
    {"force", 'f', "", "Ask the server to do it although something speaks against it"},
    {"ref", 'r', "OBJECT",
     "Change it only while the object, or the value, still equals this one; else nothing happens"},
    {"trace", 't', "LEVEL", "Log these requests at the server at this level"},
    {"trace-token", 'Z', "TEXT", "Text that marks these requests in the server's log"},
    {"url-proxy", 'u', "OWNER", "Send everything through the manager to this endpoint (RS_URL_PROXY)"},
    {"no-token", 'x', "", "Log in with every request; keep no token"},
    {"debug", 'd', "", "Show requests on stderr"},
    {"exit-early", 'X', "", "Exit 1 when a returned object has Errors (RS_OBJECT_ERRORS_ARE_FATAL)"},
    {"help", 'h', "", "Help about the command"},
    {"colors", 'C', "LIST",
     "Colours, as 0=90;1=33;2=36;3=32;4=34,1;5=1: null, boolean, number, text, key, header"},
    {"catalog", 'c', "URL",
     "Catalog, a URL or a file; given several times, the first that has an item counts (RS_CATALOG; default: "
     "that of the "
     "server)"},
    {"verify", 0, "MODE",
     "remember: the certificate of the first call must stay; strict: verify from the first call on; none "
     "(RS_VERIFY; default remember)"},
    {"ca", 0, "FILE", "Verify the server by the authorities in this PEM file (RS_CA)"},
    {"fingerprint", 0, "HEX", "SHA-256 of the certificate that the server must show (RS_FINGERPRINT)"},
    {"download-proxy", 'D', "URL",
     "Download catalogs, artifacts and files from elsewhere through this HTTP proxy (RS_DOWNLOAD_PROXY)"},
};

using Lookup = std::map<std::string, std::string, std::less<>>;

std::string value_of(const Lookup& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() ? std::string() : found->second;
}

bool is_true(std::string_view text) {
  return text == "true" || text == "1" || text == "yes" || text == "TRUE";
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = text.find_first_of(separators);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

/// KEY=VALUE lines; quotes around the value and `export ` before the key are tolerated.
void read_rc_file(const std::string& path, Lookup& values) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::string_view text = trimmed(line);
    if (text.starts_with("export ")) text = trimmed(text.substr(7));
    const size_t equals = text.find('=');
    if (text.starts_with('#') || equals == std::string_view::npos) continue;
    std::string_view value = trimmed(text.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    values[std::string(trimmed(text.substr(0, equals)))] = value;
  }
}

Result<void> set_format(Options& options, const std::string& word) {
  static const std::map<std::string_view, Format> formats = {{"json", Format::kJson},
                                                             {"yaml", Format::kYaml},
                                                             {"table", Format::kTable},
                                                             {"text", Format::kText},
                                                             {"go", Format::kGo}};
  const auto found = formats.find(word);
  if (found == formats.end()) {
    return Error(ErrorCode::kBadRequest,
                 "unknown format `" + word + "`: expected json, yaml, table, text or go");
  }
  options.format = found->second;
  options.format_given = true;
  return {};
}

Result<void> set_verify(Options& options, const std::string& word) {
  static const std::map<std::string_view, Verify> modes = {
      {"remember", Verify::kRemember}, {"strict", Verify::kStrict}, {"none", Verify::kNone}};
  const auto found = modes.find(word);
  if (found == modes.end())
    return Error(ErrorCode::kBadRequest,
                 "unknown way to verify `" + word + "`: expected remember, strict or none");
  options.verify = found->second;
  return {};
}

/// Flags win over variables.
Result<void> take_trust(Options& options, const Lookup& values, const FlagValues& flags) {
  const auto chosen = [&](std::string_view flag, std::string_view variable) {
    return flags.has(flag) ? flags.get(flag) : value_of(values, variable);
  };
  options.known_servers = value_of(values, "RS_KNOWN_SERVERS");
  const std::string home = value_of(values, "HOME");
  if (options.known_servers.empty() && !home.empty())
    options.known_servers = home + "/.config/mullion/known_servers";
  options.ca_file = chosen("ca", "RS_CA");
  if (const std::string mode = chosen("verify", "RS_VERIFY"); !mode.empty()) {
    Result<void> set = set_verify(options, mode);
    if (!set) return set;
  }
  const std::string fingerprint = chosen("fingerprint", "RS_FINGERPRINT");
  if (fingerprint.empty()) return {};
  Result<std::string> parsed = parse_fingerprint(fingerprint);
  if (!parsed) return parsed.error();
  options.fingerprint = std::move(*parsed);
  return {};
}

Result<void> set_truncate_length(Options& options, const std::string& text) {
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), options.truncate_length);
  if (failure == std::errc() && end == text.data() + text.size()) return {};
  return Error(ErrorCode::kBadRequest, "truncate-length must be a number, not `" + text + "`");
}

void take_credentials(Options& options, const Lookup& values) {
  options.username = "rocketskates";
  options.password = "r0cketsk8ts";
  const std::string key = value_of(values, "RS_KEY");
  const size_t colon = key.find(':');
  if (colon != std::string::npos) {
    options.username = key.substr(0, colon);
    options.password = key.substr(colon + 1);
  }
  if (values.contains("RS_USERNAME")) options.username = value_of(values, "RS_USERNAME");
  if (values.contains("RS_PASSWORD")) options.password = value_of(values, "RS_PASSWORD");
}

void take_endpoints(Options& options, const Lookup& values, const FlagValues& flags) {
  options.endpoints = split(value_of(values, "RS_ENDPOINTS"), " \t");
  const std::string single = value_of(values, "RS_ENDPOINT");
  if (!single.empty()) options.endpoints = {single};
  // Who names a server means that one: no command may reach another because the named one is down.
  if (flags.has("endpoint")) options.endpoints = {flags.get("endpoint")};
  if (options.endpoints.empty()) options.endpoints = {"https://127.0.0.1:8092"};
}

std::string cache_directory(const Lookup& values) {
  if (values.contains("RS_TOKEN_CACHE")) return value_of(values, "RS_TOKEN_CACHE");
  const std::string home = value_of(values, "HOME");
  return home.empty() ? std::string() : home + "/.cache/drpcli/tokens";
}

Result<void> take_values(Options& options, const Lookup& values) {
  options.token = value_of(values, "RS_TOKEN");
  options.url_proxy = value_of(values, "RS_URL_PROXY");
  options.no_header = is_true(value_of(values, "RS_NO_HEADER"));
  options.exit_early = is_true(value_of(values, "RS_OBJECT_ERRORS_ARE_FATAL"));
  options.print_fields = split(value_of(values, "RS_PRINT_FIELDS"), ",");
  options.token_cache = cache_directory(values);
  if (const std::string catalog = value_of(values, "RS_CATALOG"); !catalog.empty())
    options.catalogs = {catalog};
  options.local_proxy = value_of(values, "RS_LOCAL_PROXY");
  options.download_proxy = value_of(values, "RS_DOWNLOAD_PROXY");
  const std::string length = value_of(values, "RS_TRUNCATE_LENGTH");
  if (!length.empty()) {
    Result<void> set = set_truncate_length(options, length);
    if (!set) return set;
  }
  const std::string format = value_of(values, "RS_FORMAT");
  return format.empty() ? Result<void>() : set_format(options, format);
}

Result<void> take_flags(Options& options, const FlagValues& flags) {
  const std::pair<std::string_view, std::string*> texts[] = {
      {"username", &options.username},   {"password", &options.password},
      {"token", &options.token},         {"ref", &options.reference},
      {"trace", &options.trace},         {"trace-token", &options.trace_token},
      {"url-proxy", &options.url_proxy}, {"download-proxy", &options.download_proxy}};
  if (flags.has("catalog")) options.catalogs = flags.all("catalog");
  for (const auto& [name, target] : texts) {
    if (flags.has(name)) *target = flags.get(name);
  }
  const std::pair<std::string_view, bool*> switches[] = {{"no-header", &options.no_header},
                                                         {"force", &options.force},
                                                         {"no-token", &options.no_token},
                                                         {"debug", &options.debug},
                                                         {"exit-early", &options.exit_early}};
  for (const auto& [name, target] : switches) {
    if (flags.has(name)) *target = flags.on(name);
  }
  if (flags.has("print-fields")) options.print_fields = split(flags.get("print-fields"), ",");
  if (flags.has("truncate-length")) {
    Result<void> set = set_truncate_length(options, flags.get("truncate-length"));
    if (!set) return set;
  }
  return flags.has("format") ? set_format(options, flags.get("format")) : Result<void>();
}

bool wants_colors(const Terminal& terminal, const Lookup& values, const FlagValues& flags) {
  if (!terminal.out_is_terminal || value_of(values, "TERM") == "dumb") return false;
  return !flags.on("no-color") && !is_true(value_of(values, "RS_NO_COLOR")) &&
         value_of(values, "NO_COLOR").empty();
}

}  // namespace

Result<void> set_palette(Palette& palette, std::string_view text) {
  std::string* const slots[] = {&palette.null, &palette.boolean, &palette.number,
                                &palette.text, &palette.key,     &palette.header};
  for (const std::string& part : split(text, ";")) {
    const bool formed = part.size() > 2 && part[0] >= '0' && part[0] <= '9' && part[1] == '=' &&
                        part.find_first_not_of("0123456789,", 2) == std::string::npos;
    if (!formed) {
      return Error(ErrorCode::kBadRequest, "colours are written as 0=90;4=34,1 and not as `" + part + "`");
    }
    const auto slot = static_cast<size_t>(part[0] - '0');
    if (slot >= std::size(slots)) continue;  // drpcli knows more kinds than this program shows
    *slots[slot] = part.substr(2);
    std::replace(slots[slot]->begin(), slots[slot]->end(), ',', ';');
  }
  return {};
}

void FlagValues::set(std::string_view name, std::string value) {
  items_.emplace_back(std::string(name), std::move(value));
}

bool FlagValues::has(std::string_view name) const {
  return std::any_of(items_.begin(), items_.end(), [name](const auto& item) { return item.first == name; });
}

std::vector<std::string> FlagValues::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [item, value] : items_) {
    if (item == name) values.push_back(value);
  }
  return values;
}

std::string FlagValues::get(std::string_view name) const {
  for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
    if (item->first == name) return item->second;
  }
  return {};
}

bool FlagValues::on(std::string_view name) const { return has(name) && get(name) != "false"; }

std::span<const FlagSpec> global_flags() { return kGlobalFlags; }

Result<Options> resolve_options(const Terminal& terminal, const FlagValues& flags) {
  Lookup values = terminal.variables;
  const std::string home = terminal.variable("HOME");
  if (!home.empty()) read_rc_file(home + "/.drpclirc", values);
  Options options;
  Result<void> taken = take_values(options, values);
  if (!taken) return taken.error();
  take_credentials(options, values);
  take_endpoints(options, values, flags);
  taken = take_flags(options, flags);
  if (taken) taken = take_trust(options, values, flags);
  if (!taken) return taken.error();
  options.colors = wants_colors(terminal, values, flags);
  const std::string colors = flags.has("colors") ? flags.get("colors") : value_of(values, "RS_COLORS");
  taken = set_palette(options.palette, colors);
  if (!taken) return taken.error();
  while (options.url_proxy.starts_with('/')) options.url_proxy.erase(0, 1);
  return options;
}

}  // namespace mullion::cli
