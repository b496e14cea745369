// Packages of the server: what one says of itself, and whether it may take the place of this program. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mullion::server {

inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kSignatureName = "manifest.json.sig";
/// Both are the first entries of a package: nothing else is touched before the signature is known to be good.
inline constexpr size_t kHeadEntries = 2;

/// manifest.json of a package (docs/formats.md).
struct PackageManifest {
  std::string name, version, arch, os;
  std::string sha256;  // of the program, lower-case hex
};
/// kInvalid names the member that is missing or wrong.
Result<PackageManifest> parse_manifest(std::string_view text);

/// The beginning of a package.
struct PackageHead {
  std::string manifest;   // as signed, byte for byte
  std::string signature;  // base64; empty: unsigned
};
/// kInvalid when the manifest is not there. `entries` are the first ones, by name and content.
Result<PackageHead> package_head(const std::vector<std::pair<std::string, std::string>>& entries);

/// Whom packages are taken from.
struct PackageTrust {
  std::vector<std::string> keys;  // Ed25519 public keys, base64
  bool unsigned_too = false;
};
/// kInvalid says what is missing.
Result<void> check_signature(const PackageHead& head, const PackageTrust& trust);

/// kInvalid names a file that the manifest gives no checksum of.
Result<void> check_files(const std::vector<std::string>& files, const PackageManifest& manifest);

/// Where the program lies in a package.
std::string program_path(const PackageManifest& manifest);

/// Semantic versions with or without "v": negative when `a` comes first; what follows a '+' does not count.
/// kInvalid when one is none.
Result<int> compare_versions(std::string_view a, std::string_view b);

/// What the program here is.
struct RunningProgram {
  std::string version, arch, os;
};
/// kInvalid says why the package does not fit: another program, another platform, or, without `force`, no
/// newer version.
Result<void> check_manifest(const PackageManifest& manifest, const RunningProgram& running, bool force);

/// The version that a program said it is (self_check()), in its own spelling. kInvalid when it is not what
/// its manifest promised, or when it would write a database that this program could not read back.
Result<std::string> check_self_report(std::string_view report, const PackageManifest& manifest);
/// What a program says of itself when asked.
std::string self_report(const RunningProgram& running);

}  // namespace mullion::server
