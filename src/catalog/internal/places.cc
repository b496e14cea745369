#include "catalog/internal/places.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/semantic_version.h"
#include "base/text.h"
#include "catalog/items.h"

namespace mullion::catalog {

namespace {

Error unknown(std::string_view path, std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("{}: {}", escaped(path), escaped(why)));
}

template <size_t kCount>
bool is_one_of(const std::string_view (&words)[kCount], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool is_platform(std::string_view arch, std::string_view os) {
  return is_one_of(kArchitectures, arch) && is_one_of(kSystems, os);
}

/// "v4.8.0.amd64.linux" -> "v4.8.0" and "amd64/linux"; names without platform stay as they are.
std::pair<std::string, std::string> split_platform(const std::string& stem) {
  const size_t last = stem.rfind('.');
  if (last != std::string::npos && last > 0) {
    const size_t before = stem.rfind('.', last - 1);
    if (before != std::string::npos) {
      const std::string arch = stem.substr(before + 1, last - before - 1);
      const std::string os = stem.substr(last + 1);
      if (is_platform(arch, os)) return {stem.substr(0, before), arch + "/" + os};
    }
  }
  return {stem, std::string(kEverywhere)};
}

bool shorter(std::string_view a, std::string_view b) { return a.size() < b.size(); }

Result<std::optional<Place>> checked(std::string_view path, Place place) {
  const auto version = parse_full_version(place.version);
  if (!version) return unknown(path, version.error().messages.front());
  // The longest of what it will be called: what no item may be called must not make the whole build fail.
  const std::string_view longest = std::max({std::string_view(place.version), kStable, kTip}, shorter);
  const bool fit = is_item_word(place.name) && is_item_word(place.version) &&
                   is_item_word(fmt::format("{}-{}", place.name, longest));
  if (!fit) return unknown(path, "name and version are too long, or no plain text");
  return std::optional(std::move(place));
}

Result<std::optional<Place>> archive(std::string_view path, const std::string& name,
                                     const std::string& stem) {
  if (name == "drp-ux")
    return checked(path, {name, stem, "DRPUX", std::string(kEverywhere), std::string(path)});
  if (name != "drp") return unknown(path, "archives belong to drp or drp-ux");
  auto [version, platform] = split_platform(stem);
  std::string item_path = fmt::format("{}/{}.zip", name, version);
  return checked(path, {name, std::move(version), "DRP", std::move(platform), std::move(item_path)});
}

Result<std::optional<Place>> single_file(std::string_view path, const std::string& name,
                                         const std::string& file) {
  if (file.ends_with(".zip")) return archive(path, name, file.substr(0, file.size() - 4));
  if (!file.ends_with(".json")) return unknown(path, "neither VERSION.json nor VERSION.zip");
  std::string version = file.substr(0, file.size() - 5);
  return checked(path,
                 {name, std::move(version), "ContentPackage", std::string(kEverywhere), std::string(path)});
}

Result<std::optional<Place>> program(std::string_view path, const std::vector<std::string>& parts) {
  const std::string& name = parts[0];
  const bool cli = name == "drpcli";
  if (!is_platform(parts[2], parts[3])) {
    return unknown(path, fmt::format("{}/{} is no known platform", parts[2], parts[3]));
  }
  const std::string wanted = cli && parts[3] == "windows" ? name + ".exe" : name;
  if (parts[4] != wanted) return unknown(path, fmt::format("the program must be called {}", wanted));
  return checked(path, {name, parts[1], cli ? "DRPCLI" : "PluginProvider", parts[2] + "/" + parts[3],
                        name + "/" + parts[1]});
}

}  // namespace

Result<std::optional<Place>> place_of(std::string_view path) {
  const std::vector<std::string> parts = split_list(path, '/');
  if (parts.empty()) return unknown(path, "no file");
  const bool own = parts[0] == kPackName || parts[0] == std::string(kPackName) + ".json";
  if (own || parts[0].starts_with('.')) return std::optional<Place>();
  if (parts.size() == 2) return single_file(path, parts[0], parts[1]);
  if (parts.size() == 5) return program(path, parts);
  return unknown(path, "neither NAME/VERSION.json, NAME/VERSION.zip nor NAME/VERSION/ARCH/OS/NAME");
}

}  // namespace mullion::catalog
