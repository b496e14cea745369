#include "server/upgrade_package.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "auth/signature.h"
#include "base/json.h"
#include "base/semantic_version.h"
#include "model/object.h"
#include "store/format.h"

namespace mullion::server {
namespace {

namespace json = boost::json;
constexpr std::string_view kProgramName = "mullion";
constexpr size_t kManifestDepth = 8;

Error bad_package(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

/// Digits only, unlike where versions of packs are read: no blanks, no wildcards.
Result<FullVersion> parse(std::string_view text) {
  std::string_view numbers = text.substr(0, text.find_first_of("-+"));
  if (numbers.starts_with('v')) numbers.remove_prefix(1);
  Result<FullVersion> version = parse_full_version(text);
  if (version && numbers.find_first_not_of("0123456789.") == std::string_view::npos) return version;
  return bad_package(fmt::format("{} is no version such as v1.2.3", text));
}

Result<std::string> member(const json::object& manifest, std::string_view name) {
  const json::value* value = manifest.if_contains(name);
  if (value == nullptr || !value->is_string() || value->get_string().empty()) {
    return bad_package(fmt::format("{}: {}: expected a text", kManifestName, name));
  }
  return std::string(value->get_string());
}

/// What cannot be read back leaves no way back. Programs that say nothing are older than the question.
Result<void> check_store(const json::object& report) {
  const json::value* store = report.if_contains("store");
  const json::object* members = store != nullptr ? store->if_object() : nullptr;
  const json::value* oldest = members != nullptr ? members->if_contains("oldest_readable") : nullptr;
  boost::system::error_code failure;
  const uint64_t needed = oldest != nullptr ? oldest->to_number<uint64_t>(failure) : 0;
  if (!failure && needed <= store::kFormatVersion) return {};
  return bad_package(fmt::format(
      "The program in the package writes a database that this one could not read back: it reads up "
      "to format {}",
      store::kFormatVersion));
}

std::string without_v(std::string_view version) {
  return std::string(version.starts_with('v') ? version.substr(1) : version);
}

}  // namespace

Result<PackageManifest> parse_manifest(std::string_view text) {
  Result<json::value> value = parse_json(text, kManifestDepth);
  if (!value || !value->is_object()) return bad_package(fmt::format("{} is no JSON object", kManifestName));
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

Result<PackageHead> package_head(const std::vector<std::pair<std::string, std::string>>& entries) {
  PackageHead head;
  for (const auto& [name, content] : entries) {
    if (name == kManifestName) head.manifest = content;
    if (name == kSignatureName) head.signature = content;
  }
  if (!head.manifest.empty()) return head;
  return bad_package(fmt::format(
      "No {} at the beginning of the package: tools/make_package.py makes packages for this server",
      kManifestName));
}

Result<void> check_signature(const PackageHead& head, const PackageTrust& trust) {
  if (trust.unsigned_too || auth::is_signed_base64(head.manifest, head.signature, trust.keys)) return {};
  const char* why = head.signature.empty() ? "The package is not signed"
                    : trust.keys.empty()   ? "No key is trusted to sign packages (--trusted-package-keys)"
                                           : "The package is not signed by a trusted key";
  return Error(ErrorCode::kInvalid, why);
}

Result<void> check_files(const std::vector<std::string>& files, const PackageManifest& manifest) {
  for (const std::string& file : files) {
    if (file != kManifestName && file != kSignatureName && file != program_path(manifest))
      return bad_package(fmt::format("The package holds {}, which its manifest does not name", file));
  }
  return {};
}

std::string program_path(const PackageManifest& manifest) {
  return fmt::format("bin/{}/{}/{}", manifest.os, manifest.arch, kProgramName);
}

Result<int> compare_versions(std::string_view a, std::string_view b) {
  const Result<FullVersion> left = parse(a), right = parse(b);
  if (!left) return left.error();
  if (!right) return right.error();
  const std::strong_ordering order = *left <=> *right;
  return std::is_lt(order) ? -1 : static_cast<int>(std::is_gt(order));
}

Result<void> check_manifest(const PackageManifest& manifest, const RunningProgram& running, bool force) {
  if (manifest.name != kProgramName)
    return bad_package(fmt::format("The package holds {}, not {}", manifest.name, kProgramName));
  if (manifest.arch != running.arch || manifest.os != running.os) {
    return bad_package(fmt::format("The package is for {}/{}, this server runs on {}/{}", manifest.arch,
                                   manifest.os, running.arch, running.os));
  }
  const Result<int> compared = compare_versions(manifest.version, running.version);
  if (!compared) return compared.error();
  if (*compared > 0 || force) return {};
  return bad_package(
      fmt::format("{} is not newer than the running {}; with force=true it is installed anyway",
                  manifest.version, running.version));
}

Result<std::string> check_self_report(std::string_view report, const PackageManifest& manifest) {
  const Error nonsense = bad_package("The program in the package does not say what it is");
  Result<json::value> value = parse_json(report, kManifestDepth);
  if (!value || !value->is_object()) return nonsense;
  for (const auto& [name, promised] :
       {std::pair("name", &manifest.name), std::pair("version", &manifest.version),
        std::pair("arch", &manifest.arch), std::pair("os", &manifest.os)}) {
    const Result<std::string> said = member(value->get_object(), name);
    if (!said) return nonsense;
    if (without_v(*said) == without_v(*promised)) continue;
    return bad_package(fmt::format("The program in the package says that its {} is {}, the manifest {}", name,
                                   *said, *promised));
  }
  if (Result<void> readable = check_store(value->get_object()); !readable) return readable.error();
  return member(value->get_object(), "version");
}

std::string self_report(const RunningProgram& running) {
  return json::serialize(json::object{
      {"name", kProgramName},
      {"version", running.version},
      {"arch", running.arch},
      {"os", running.os},
      {"store", {{"format", store::kFormatVersion}, {"oldest_readable", store::kOldestReadableVersion}}}});
}

}  // namespace mullion::server
