#include "server/upgrade_package.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <vector>

#include "base/text.h"
#include "model/object.h"

namespace mullion::server {
namespace {

namespace json = boost::json;
constexpr std::string_view kProgramName = "mullion";
constexpr size_t kManifestDepth = 8;

Error invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

struct ParsedVersion {
  std::vector<uint64_t> numbers;
  std::vector<std::string> pre;  // empty: a release
};

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 19 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

uint64_t number_of(std::string_view digits) {
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t dot = text.find('.');
    parts.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    text.remove_prefix(dot + 1);
  }
}

Result<ParsedVersion> parse(std::string_view text) {
  const std::string_view whole = text;
  if (text.starts_with('v')) text.remove_prefix(1);
  text = text.substr(0, text.find('+'));
  ParsedVersion version;
  const size_t dash = text.find('-');
  for (const std::string& part : parts_of(text.substr(0, dash))) {
    if (!is_number(part)) return invalid(fmt::format("{} is no version such as v1.2.3", whole));
    version.numbers.push_back(number_of(part));
  }
  if (version.numbers.size() > 3) return invalid(fmt::format("{} is no version such as v1.2.3", whole));
  version.numbers.resize(3);
  if (dash != std::string_view::npos) version.pre = parts_of(text.substr(dash + 1));
  return version;
}

int order(const std::string& a, const std::string& b) {
  const bool a_number = is_number(a), b_number = is_number(b);
  if (a_number != b_number) return a_number ? -1 : 1;
  if (!a_number) return a.compare(b);
  return number_of(a) < number_of(b) ? -1 : static_cast<int>(number_of(a) > number_of(b));
}

int order(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() || b.empty()) return static_cast<int>(a.empty()) - static_cast<int>(b.empty());
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (const int found = order(a[i], b[i]); found != 0) return found;
  }
  return a.size() < b.size() ? -1 : static_cast<int>(a.size() > b.size());
}

Result<std::string> member(const json::object& manifest, std::string_view name) {
  const json::value* value = manifest.if_contains(name);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) {
    return invalid(fmt::format("{}: {}: expected a text", kManifestName, name));
  }
  return std::string(value->get_string());
}

std::string without_v(std::string_view version) {
  return std::string(version.starts_with('v') ? version.substr(1) : version);
}

}  // namespace

Result<PackageManifest> parse_manifest(std::string_view text) {
  Result<json::value> value = model::parse_json(text, kManifestDepth);
  if (!value || !value->is_object()) return invalid(fmt::format("{} is no JSON object", kManifestName));
  PackageManifest manifest;
  for (const auto& [name, field] :
       {std::pair("name", &manifest.name), std::pair("version", &manifest.version),
        std::pair("arch", &manifest.arch), std::pair("os", &manifest.os),
        std::pair("sha256", &manifest.sha256)}) {
    Result<std::string> found = member(value->get_object(), name);
    if (!found) return found.error();
    *field = std::move(*found);
  }
  return manifest;
}

std::string program_path(const PackageManifest& manifest) {
  return fmt::format("bin/{}/{}/{}", manifest.os, manifest.arch, kProgramName);
}

Result<int> compare_versions(std::string_view a, std::string_view b) {
  const Result<ParsedVersion> left = parse(a), right = parse(b);
  if (!left) return left.error();
  if (!right) return right.error();
  if (left->numbers != right->numbers) return left->numbers < right->numbers ? -1 : 1;
  return order(left->pre, right->pre);
}

Result<void> check_manifest(const PackageManifest& manifest, const RunningProgram& running, bool force) {
  if (manifest.name != kProgramName)
    return invalid(fmt::format("The package holds {}, not {}", manifest.name, kProgramName));
  if (manifest.arch != running.arch || manifest.os != running.os) {
    return invalid(fmt::format("The package is for {}/{}, this server runs on {}/{}", manifest.arch,
                               manifest.os, running.arch, running.os));
  }
  const Result<int> compared = compare_versions(manifest.version, running.version);
  if (!compared) return compared.error();
  if (*compared > 0 || force) return {};
  return invalid(fmt::format("{} is not newer than the running {}; with force=true it is installed anyway",
                             manifest.version, running.version));
}

Result<void> check_self_report(std::string_view report, const PackageManifest& manifest) {
  const Error nonsense = invalid("The program in the package does not say what it is");
  Result<json::value> value = model::parse_json(report, kManifestDepth);
  if (!value || !value->is_object()) return nonsense;
  for (const auto& [name, promised] :
       {std::pair("name", &manifest.name), std::pair("version", &manifest.version),
        std::pair("arch", &manifest.arch), std::pair("os", &manifest.os)}) {
    const Result<std::string> said = member(value->get_object(), name);
    if (!said) return nonsense;
    if (without_v(*said) == without_v(*promised)) continue;
    return invalid(fmt::format("The program in the package says that its {} is {}, the manifest {}", name,
                               *said, *promised));
  }
  return {};
}

std::string self_report(const RunningProgram& running) {
  return json::serialize(json::object{
      {"name", kProgramName}, {"version", running.version}, {"arch", running.arch}, {"os", running.os}});
}

}  // namespace mullion::server
